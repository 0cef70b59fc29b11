import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { MemoryCorrections } from "./memory-corrections.ts";

const identity = { build: "b", gpu: "cpu" } as const;
const loads = [{ replicaId: "r1", estimatedBytes: 10, residentBytes: 12 }];

test("what replicas have taken is kept for the engine and the place that they ran with", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "pomona-corrections-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const corrections = new MemoryCorrections(join(directory, "profiles"));
  assert.deepEqual(corrections.read(identity), []);
  corrections.write(identity, loads);
  assert.deepEqual(new MemoryCorrections(join(directory, "profiles")).read(identity), loads);
  assert.deepEqual(corrections.read({ ...identity, build: "c" }), []);
  assert.deepEqual(corrections.read({ ...identity, gpu: "metal" }), []);
});

test("a broken or absurd file is as good as none", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "pomona-corrections-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const corrections = new MemoryCorrections(directory);
  corrections.write(identity, loads);
  const [file = ""] = readdirSync(directory);
  for (const content of ["", "{", "{}", JSON.stringify([{ ...loads[0], residentBytes: -1 }]), '[{"a": 1}]']) {
    writeFileSync(join(directory, file), content);
    assert.deepEqual(corrections.read(identity), [], content);
  }
});
