import assert from "node:assert/strict";
import { test } from "node:test";
import { RecentValues } from "./recent-values.ts";

const keysOf = (values: RecentValues<number>): readonly string[] =>
  ["a", "b", "c", "d"].filter((key) => values.get(key) !== undefined);

test("the least recently used leaves when there are too many", () => {
  const values = new RecentValues<number>({ entries: 2, size: 100 });
  values.set("a", 1, 1);
  values.set("b", 2, 1);
  assert.equal(values.get("a"), 1);
  values.set("c", 3, 1);
  assert.deepEqual(keysOf(values), ["a", "c"]);
});

test("as many leave as a large one needs room, and one that has none is not kept", () => {
  const values = new RecentValues<number>({ entries: 10, size: 10 });
  for (const key of ["a", "b", "c"]) values.set(key, 0, 3);
  values.set("d", 0, 6);
  assert.deepEqual(keysOf(values), ["c", "d"]);
  values.set("a", 0, 11);
  assert.deepEqual(keysOf(values), ["c", "d"]);
});

test("a value that is set again takes the place and the size of the one before", () => {
  const values = new RecentValues<number>({ entries: 10, size: 10 });
  for (const value of [1, 2, 3, 4]) values.set("a", value, 4);
  values.set("b", 0, 6);
  assert.deepEqual([keysOf(values), values.get("a")], [["a", "b"], 4]);
  values.set("a", 5, 11);
  assert.deepEqual(keysOf(values), ["b"]);
});
