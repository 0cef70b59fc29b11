import assert from "node:assert/strict";
import { test } from "node:test";
import { KvStore } from "./kv-store.ts";

function blocksFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, offset) => first + offset);
}

test("short sequences that were never continued are not worth saving, nor are beginnings of what is there", () => {
  const store = new KvStore(4);
  assert.equal(store.isWorthSaving(blocksFrom(0, 7), 1), false);
  assert.equal(store.isWorthSaving(blocksFrom(0, 7), 2), true);
  assert.equal(store.isWorthSaving([], 5), false);
  store.add(blocksFrom(0, 20), 1, 0);
  assert.equal(store.isWorthSaving(blocksFrom(0, 10), 3), false);
});

test("a longer state replaces its own beginnings", () => {
  const store = new KvStore(4);
  store.add(blocksFrom(0, 10), 1, 0);
  store.add(blocksFrom(0, 20), 2, 1);
  assert.deepEqual(
    store.entries.map(({ blocks }) => blocks.length),
    [20],
  );
});

test("what is least likely to save time goes first: the short, the old, the one that was never continued", () => {
  const store = new KvStore(2);
  store.add(blocksFrom(0, 10), 1, 0);
  store.add(blocksFrom(100, 20), 1, 0);
  store.add(blocksFrom(200, 20), 1, 0);
  assert.equal(store.find(blocksFrom(0, 10)), null);
  store.add(blocksFrom(300, 20), 1, 600_000);
  store.add(blocksFrom(400, 20), 2, 600_000);
  assert.deepEqual(
    store.entries.map(({ blocks }) => blocks[0]),
    [300, 400],
  );
});
