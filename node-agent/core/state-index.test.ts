import assert from "node:assert/strict";
import { test } from "node:test";
import { ownScope } from "@pomona/shared/core/generation";
import fc from "fast-check";
import { type AddedState, type SavedState, StateIndex } from "./state-index.ts";

const limits = { ramBytes: 100, diskBytes: 200, diskWriteBytesPerDay: 1000 };
const sequence = (first: number, length = 200): number[] => Array.from({ length }, (_, i) => first * 1000 + i);

function stateOf(first: number, changes: Partial<AddedState> = {}): AddedState {
  const tokenIds = changes.tokenIds ?? sequence(first);
  return {
    scope: ownScope(""),
    tokenIds,
    chunkLengths: [tokenIds.length],
    bytes: 40,
    lastUsedMs: first,
    ...changes,
  };
}

test("the state that keeps most of a prompt is found, of the same scope alone", () => {
  const index = new StateIndex(limits);
  index.add(stateOf(1, { tokenIds: sequence(1, 150) }));
  index.add(stateOf(1, { tokenIds: [...sequence(1, 180), 9] }));
  index.add(stateOf(1, { tokenIds: sequence(1, 400), scope: ownScope("other") }));
  const prompt = sequence(1, 500);
  assert.equal(index.find({ tokenIds: prompt, scope: ownScope(""), plan: [], isEvaluated: false })?.length, 180);
  assert.equal(index.find({ tokenIds: prompt, scope: ownScope("other"), plan: [], isEvaluated: false })?.length, 400);
  assert.equal(index.find({ tokenIds: prompt, scope: ownScope("third"), plan: [], isEvaluated: false }), null);
  assert.equal(
    index.find({ tokenIds: sequence(1, 150), scope: ownScope(""), plan: [], isEvaluated: false })?.length,
    149,
  );
});

test("of another owner's state only what both call shared is found", () => {
  const index = new StateIndex(limits);
  const lengths = { chunkLengths: [64, 64, 64, 8] };
  index.add(stateOf(1, { tokenIds: sequence(1, 200), scope: { owner: "a", sharedTokens: 150 }, ...lengths }));
  const find = (owner: string, sharedTokens: number): number =>
    index.find({ tokenIds: sequence(1, 500), scope: { owner, sharedTokens }, plan: [], isEvaluated: false })?.length ??
    0;
  assert.equal(find("a", 0), 200);
  assert.equal(find("b", 0), 0);
  assert.equal(find("b", 100), 64);
  assert.equal(find("b", 400), 128);
});

test("a state that only begins another one is replaced by it, and one that is saved is not saved again", () => {
  const index = new StateIndex(limits);
  const { added } = index.add(stateOf(1, { tokenIds: sequence(1, 200) }));
  assert.equal(index.isWorthSaving(sequence(1, 150), ownScope(""), 10), false);
  assert.equal(index.isWorthSaving(sequence(1, 300), ownScope(""), 10), true);
  assert.equal(index.isWorthSaving(sequence(1, 300), ownScope(""), 101), true);
  assert.equal(index.isWorthSaving(sequence(1, 300), ownScope(""), 201), false);
  assert.equal(index.isWorthSaving(sequence(2, 127), ownScope(""), 10), false);
  assert.deepEqual(index.add(stateOf(1, { tokenIds: sequence(1, 300) })).replaced, [added]);
});

test("what does not fit in memory goes to the disk, the least recently used first, and from there away", () => {
  const index = new StateIndex(limits);
  for (let i = 1; i <= 8; i += 1) {
    index.add(stateOf(i));
    index.evict(i);
  }
  const places = [...index.states].map(({ lastUsedMs, inRam, onDisk }) => ({ lastUsedMs, inRam, onDisk }));
  assert.deepEqual(
    places.filter(({ inRam }) => inRam).map(({ lastUsedMs }) => lastUsedMs),
    [7, 8],
  );
  assert.deepEqual(
    places.filter(({ onDisk }) => onDisk).map(({ lastUsedMs }) => lastUsedMs),
    [2, 3, 4, 5, 6],
  );
});

test("what is larger than the memory goes to the disk at once, and drives nothing out of memory", () => {
  const index = new StateIndex(limits);
  index.add(stateOf(1));
  const { added } = index.add(stateOf(2, { bytes: 150 }));
  assert.deepEqual(index.evict(2), [{ kind: "writeToDisk", state: added }]);
  const places = [...index.states].map(({ inRam, onDisk }) => ({ inRam, onDisk }));
  assert.deepEqual(places, [
    { inRam: true, onDisk: false },
    { inRam: false, onDisk: true },
  ]);
});

test("no more is written to the disk in 24 hours than allowed", () => {
  const index = new StateIndex({ ramBytes: 1000, diskBytes: 1000, diskWriteBytesPerDay: 100 });
  for (let i = 1; i <= 5; i += 1) index.add(stateOf(i));
  const writtenFirst = index.flush(0).map(({ state }) => state.lastUsedMs);
  assert.deepEqual(writtenFirst, [5, 4]);
  assert.deepEqual(index.flush(1000), []);
  assert.equal(index.flush(86_400_001).length, 2);
});

test("after each eviction all limits hold, and every state is somewhere", () => {
  const additions = fc.array(fc.record({ first: fc.nat(50), bytes: fc.integer({ min: 1, max: 120 }) }), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(additions, (states) => {
      const index = new StateIndex(limits);
      let written = 0;
      for (const [nowMs, { first, bytes }] of states.entries()) {
        index.add(stateOf(first, { bytes, lastUsedMs: nowMs }));
        for (const { kind, state } of index.evict(nowMs)) if (kind === "writeToDisk") written += state.bytes;
        const all = [...index.states];
        const sum = (kept: SavedState[]): number => kept.reduce((total, state) => total + state.bytes, 0);
        assert.ok(sum(all.filter(({ inRam }) => inRam)) <= limits.ramBytes);
        assert.ok(sum(all.filter(({ onDisk }) => onDisk)) <= limits.diskBytes);
        assert.ok(all.every(({ inRam, onDisk }) => inRam || onDisk));
      }
      assert.ok(written <= limits.diskWriteBytesPerDay);
    }),
  );
});
