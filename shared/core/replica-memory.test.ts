import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  addedBytes,
  correctedMemory,
  heldBytes,
  mappedBytesOf,
  privateBytes,
  type ReplicaMemory,
  totalBytes,
} from "./replica-memory.ts";

const parts = { weightsBytes: 300, kvBytes: 100, computeBytes: 50, processBytes: 50 };
const mapping = (mappedFile: string, mappedBytes = 300): ReplicaMemory => ({ ...parts, mappedBytes, mappedFile });

test("a second replica of a mapped file adds what it has for itself, one of another file all of it", () => {
  for (const [wanted, held, bytes] of [
    [mapping("a"), [], 500],
    [mapping("a"), [mapping("a")], 200],
    [mapping("a"), [mapping("b")], 500],
    [mapping("a"), [parts], 500],
    [parts, [mapping("a")], 500],
    // Rearranged weights and adapters are each replica's own.
    [{ ...mapping("a"), weightsBytes: 420 }, [mapping("a")], 320],
    [mapping("a", 300), [mapping("a", 100)], 400],
    [mapping("a", 100), [mapping("a", 300)], 400],
    // Without a name for the file nothing can be in common.
    [{ ...parts, mappedBytes: 300 }, [{ ...parts, mappedBytes: 300 }], 500],
  ] as const) {
    assert.equal(addedBytes(wanted, held), bytes, JSON.stringify({ wanted, held }));
  }
});

test("the pages stay while one replica maps them, and leave with the last", () => {
  const [first, second] = [mapping("a"), mapping("a")];
  assert.equal(heldBytes([first, second]), 700);
  assert.equal(heldBytes([second]), 500);
  assert.equal(heldBytes([]), 0);
});

const bytes = fc.integer({ min: 0, max: 1e12 });
const memory: fc.Arbitrary<ReplicaMemory> = fc.record(
  {
    weightsBytes: bytes,
    kvBytes: bytes,
    computeBytes: bytes,
    processBytes: bytes,
    mappedBytes: bytes,
    mappedFile: fc.constantFrom("a", "b", "c"),
  },
  { requiredKeys: ["weightsBytes", "kvBytes", "computeBytes", "processBytes"] },
);
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

test("what replicas hold is between their own parts and all parts, in whatever order they come and go", () => {
  fc.assert(
    fc.property(fc.array(memory, { maxLength: 8 }), (held) => {
      const together = heldBytes(held);
      assert.ok(together >= sum(held.map(privateBytes)) && together <= sum(held.map(totalBytes)));
      assert.equal(together, sum(held.map(privateBytes)) + mappedBytesOf(held));
      assert.equal(heldBytes([...held].reverse()), together);
      // One after the other adds up, so that admission never promises more than is counted afterwards.
      assert.equal(sum(held.map((wanted, index) => addedBytes(wanted, held.slice(0, index)))), together);
    }),
  );
});

test("a replica adds at least its own part and at most all, less the more are there", () => {
  fc.assert(
    fc.property(fc.array(memory, { maxLength: 8 }), memory, memory, (held, other, wanted) => {
      const added = addedBytes(wanted, held);
      assert.ok(added >= privateBytes(wanted) && added <= totalBytes(wanted));
      assert.ok(addedBytes(wanted, [...held, other]) <= added);
      if (!held.some(({ mappedFile }) => mappedFile === wanted.mappedFile)) assert.equal(added, totalBytes(wanted));
    }),
  );
});

test("what replicas took beside their parts counts as the process's, and nothing is taken away", () => {
  assert.deepEqual(correctedMemory(parts, 1.25), { ...parts, processBytes: 175 });
  for (const correction of [1, 0.5]) assert.equal(correctedMemory(parts, correction), parts);
});
