import assert from "node:assert/strict";
import { test } from "node:test";
import { plainAssembly } from "./core/output-plan.ts";
import { readTakeover, type TakeoverNote, takeoverBytes } from "./takeover-note.ts";

const note: TakeoverNote = {
  api: "anthropic",
  model: "m",
  promptDigest: "d",
  tenant: "t",
  priority: "interactive",
  stop: ["}"],
  assembly: { ...plainAssembly, startsInText: true },
  deadlineAtMs: 5,
  idempotencyKey: "",
  fingerprint: "",
  texts: [new Uint8Array([0xc3]), new Uint8Array([0xa9])],
};

test("what a coordinator leaves is what the next one reads, of an answer that had begun before it too", () => {
  const read = readTakeover(takeoverBytes(note));
  assert.deepEqual({ ...read, texts: read?.texts.map((text) => [...text]) }, { ...note, texts: [[0xc3], [0xa9]] });
});

test("a note of a coordinator that knew no begun answers is one of an answer from its start", () => {
  const { startsInText: _, ...older } = note.assembly;
  const bytes = Buffer.from(JSON.stringify({ v: 1, ...note, assembly: older, texts: [] }));
  assert.equal(readTakeover(bytes)?.assembly.startsInText, false);
});

test("what no coordinator wrote is nothing", () => {
  for (const text of ["", "{", "{}", '{"v":2}']) assert.equal(readTakeover(Buffer.from(text)), null);
});
