import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { hardwareOfThisMachine } from "@pomona/node-agent/hardware/this-machine";
import { expectedSpeed } from "@pomona/shared/core/chip-speeds";
import { z } from "zod";

const pomona = fileURLToPath(new URL("../../../cli/bin/pomona.js", import.meta.url));
const speed = z.number().positive();
const speedProfile = z.object({
  prefillTokensPerSecond: speed,
  contextSlowdownTokens: speed,
  decodeTokensPerSecond: speed,
  memoryBytesPerSecond: speed,
});
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
    assert.ok(alone !== undefined);
    const { chip, gpu } = await hardwareOfThisMachine().machine();
    const promised = expectedSpeed({ chip, gpu, weightsBytes: 1, kvBytesPerToken: 1 });
    for (const figure of ["memoryBytesPerSecond", "contextSlowdownTokens"] as const)
      assert.notEqual(
        kept[figure],
        promised[figure],
        "it is what the steps have shown, and not what the chip promises",
      );
    // A wrong unit is a factor of a thousand. Each measurement takes some milliseconds: what else the machine does in one
    // of them, and not in the other, is a factor of several.
    for (const ratio of [
      kept.decodeTokensPerSecond / alone.tokensPerSecond,
      kept.prefillTokensPerSecond / printed.prefill.tokensPerSecond,
    ])
      assert.ok(ratio > 1 / 30 && ratio < 30, `${ratio} of what was measured`);
  } finally {
    rmSync(stateDir, { recursive: true, force: true });
  }
});
