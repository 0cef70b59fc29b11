import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldPrefixes } from "./held-prefixes.ts";

test("the longest beginning in an idle slot is found; what is cut off counts as far as it goes", () => {
  const held = new HeldPrefixes();
  assert.equal(held.best([1, 2], true), null);
  held.release(0, "q0", { hashes: [1, 2, 3], nowMs: 0 });
  held.release(1, "q1", { hashes: [1, 9], nowMs: 0 });
  assert.deepEqual(held.best([1, 2, 3, 4], true), { tokens: 384, place: "slot" });
  assert.deepEqual(held.best([1, 2, 7], true), { tokens: 256, place: "slot" });
  assert.equal(held.best([5], true), null);
});

test("a busy slot or a saved state is as good as a copy, when that spares more", () => {
  const held = new HeldPrefixes();
  held.release(0, "q0", { hashes: [1], nowMs: 0 });
  held.take(1, "q1", { hashes: [1, 2, 3], nowMs: 0 });
  assert.deepEqual(held.best([1, 2, 3], true), { tokens: 384, place: "copy" });
  assert.deepEqual(held.best([1], true), { tokens: 128, place: "slot" });
  assert.deepEqual(held.best([1, 2, 3], false), { tokens: 128, place: "slot" });
  const states = [
    { place: "ram", slot: null, tokens: 512, hashes: [1, 2, 3, 4] },
    { place: "disk", slot: null, tokens: 640, hashes: [1, 2, 3, 4, 5] },
  ] as const;
  held.correct(states, 0);
  assert.deepEqual(held.best([1, 2, 3, 4, 9], true), { tokens: 512, place: "ram" });
  assert.deepEqual(held.best([1, 2, 3, 4, 5], true), { tokens: 640, place: "disk" });
});

test("the node's choice is foreseen: the longest beginning, else the lowest free slot", () => {
  const held = new HeldPrefixes();
  assert.equal(held.slotFor([1, 2], 2), 0);
  held.take(0, "q0", { hashes: [8], nowMs: 0 });
  assert.equal(held.slotFor([1, 2], 3), 1);
  held.release(2, "q2", { hashes: [1], nowMs: 0 });
  assert.equal(held.slotFor([1, 2], 3), 2);
  held.take(1, "q1", { hashes: [], nowMs: 0 });
  held.take(2, "q2", { hashes: [], nowMs: 0 });
  assert.equal(held.slotFor([1], 3), null);
});

test("heartbeats are right about slots of which the coordinator knows nothing newer", () => {
  const held = new HeldPrefixes();
  held.release(0, "q0", { hashes: [1, 2], nowMs: 1000 });
  held.release(1, "q1", { hashes: [3, 4], nowMs: 5000 });
  held.take(2, "q2", { hashes: [5, 6], nowMs: 0 });
  held.correct([{ place: "slot", slot: 3, tokens: 128, hashes: [7] }], 4000);
  assert.equal(held.best([1, 2], true), null);
  assert.deepEqual(held.best([3, 4], true), { tokens: 256, place: "slot" });
  assert.deepEqual(held.best([5, 6], true), { tokens: 256, place: "copy" });
  assert.deepEqual(held.best([7], true), { tokens: 128, place: "slot" });
  held.clear();
  assert.equal(held.best([7], true), null);
});
