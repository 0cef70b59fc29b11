import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { z } from "zod";

const pomona = fileURLToPath(new URL("../../../cli/bin/pomona.js", import.meta.url));
const speed = z.number().positive();
const speedProfile = z.object({ prefillTokensPerSecond: speed, decodeTokensPerSecond: speed });
const profile = z.object({
  path: z.string(),
  build: z.string(),
  threads: z.literal(1),
  loadMs: speed,
  prefill: z.object({ promptTokens: z.literal(512), tokensPerSecond: speed }),
  decode: z.array(z.object({ streams: z.number(), tokensPerSecond: speed })),
});

test("pomona bench engine measures a model and keeps its profile", async () => {
  const stateDir = mkdtempSync(join(tmpdir(), "pomona-bench-"));
  try {
    const flags = ["--slots", "4", "--threads", "1", "--state-dir", stateDir, "--json"];
    const { stdout } = await promisify(execFile)(process.execPath, [
      pomona,
      "bench",
      "engine",
      "builtin:tiny",
      ...flags,
    ]);
    const printed = profile.parse(JSON.parse(stdout));
    assert.deepEqual(
      printed.decode.map(({ streams }) => streams),
      [1, 2, 4],
    );
    // As a node-agent with the same options reads it at its next load.
    const kept = speedProfile.parse(JSON.parse(readFileSync(printed.path, "utf8")));
    const [alone] = printed.decode;
    assert.ok(alone !== undefined && kept.decodeTokensPerSecond / alone.tokensPerSecond > 0.3);
    assert.ok(kept.decodeTokensPerSecond / alone.tokensPerSecond < 3);
  } finally {
    rmSync(stateDir, { recursive: true, force: true });
  }
});
