import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { correctionOf, type ShownMemory, withShown } from "./memory-correction.ts";

const shown = (replicaId: string, residentBytes: number, estimatedBytes = 1e9): ShownMemory => ({
  replicaId,
  estimatedBytes,
  residentBytes,
});

test("one replica that was larger than estimated corrects the next estimate, and most of the others have the last word", () => {
  const loads = [shown("a", 1.232e9)];
  assert.equal(correctionOf(loads), 1.2);
  assert.equal(correctionOf([...loads, shown("b", 0.9e9)]), 1.2);
  assert.equal(correctionOf([...loads, shown("b", 0.9e9), shown("c", 0.8e9)]), 1);
  assert.equal(correctionOf([shown("a", 1.132e9), shown("b", 1.232e9), shown("c", 5e9)]), 1.2);
});

test("an estimate is never corrected downwards, nor for the megabytes by which workers differ, nor beyond twice", () => {
  assert.equal(correctionOf([]), 1);
  assert.equal(correctionOf([shown("a", 0.1e9)]), 1);
  assert.equal(correctionOf([shown("a", 1.03e9)]), 1);
  assert.equal(correctionOf([shown("a", 0.14e9, 0.11e9)]), 1);
  assert.equal(correctionOf([shown("a", 40e9)]), 2);
  assert.equal(correctionOf([shown("a", 1e9, 0)]), 1);
});

test("a load counts once, with the most that was resident of it, and the last eight count", () => {
  const first = withShown([], shown("a", 1e9));
  assert.equal(withShown(first, shown("a", 0.9e9)), first);
  assert.deepEqual(withShown(first, shown("a", 1.5e9)), [shown("a", 1.5e9)]);
  const ids = "abcdefghij".split("");
  const many = ids.reduce<readonly ShownMemory[]>((loads, id) => withShown(loads, shown(id, 1e9)), []);
  assert.deepEqual(
    many.map(({ replicaId }) => replicaId),
    ids.slice(2),
  );
});

test("whatever is shown, a correction is between one and two", () => {
  const bytes = fc.double({ min: 0, max: 1e12, noNaN: true });
  const loads = fc.array(fc.record({ replicaId: fc.string(), estimatedBytes: bytes, residentBytes: bytes }));
  fc.assert(
    fc.property(loads, (list) => {
      const correction = correctionOf(list);
      assert.ok(correction >= 1 && correction <= 2, String(correction));
    }),
  );
});
