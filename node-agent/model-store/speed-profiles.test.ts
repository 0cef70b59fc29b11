import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { expectedSpeed } from "@pomona/shared/core/chip-speeds";
import { defaultEngineOptions } from "@pomona/shared/core/engine-options";
import { SpeedProfiles } from "./speed-profiles.ts";

const speed = expectedSpeed({ chip: "Apple M4 Max", gpu: "metal", weightsBytes: 2e10, kvBytesPerToken: 262_144 });
const identity = { digest: "ab", build: "b", chip: "c", options: { ...defaultEngineOptions, threads: 1 } };

test("a profile is kept for the model, the engine, the chip and the options that it was measured with", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "pomona-profiles-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const profiles = new SpeedProfiles(join(directory, "profiles"));
  assert.equal(profiles.read(identity), null);
  profiles.write(identity, speed);
  assert.deepEqual(new SpeedProfiles(join(directory, "profiles")).read(identity), speed);
  for (const other of [{ digest: "cd" }, { build: "c" }, { chip: "d" }]) {
    assert.equal(profiles.read({ ...identity, ...other }), null);
  }
  assert.equal(profiles.read({ ...identity, options: { ...identity.options, kvType: "q8_0" } }), null);
});

test("a broken or absurd file is as good as none", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "pomona-profiles-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const profiles = new SpeedProfiles(directory);
  profiles.write(identity, speed);
  const [file = ""] = readdirSync(directory);
  for (const content of ["", "{", "[]", JSON.stringify({ ...speed, decodeTokensPerSecond: -1 }), '{"a": 1}']) {
    writeFileSync(join(directory, file), content);
    assert.equal(profiles.read(identity), null, content);
  }
});
