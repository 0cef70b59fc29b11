import assert from "node:assert/strict";
import { test } from "node:test";
import { clustersMax, withTerm } from "./coordinator-terms.ts";

test("the highest term of each cluster counts, and what says nothing new changes nothing", () => {
  const first = withTerm(new Map(), "a", 0);
  const known = withTerm(withTerm(first, "b", 7), "a", 3);
  assert.deepEqual([...first], [["a", 0]]);
  assert.deepEqual(
    [...known],
    [
      ["b", 7],
      ["a", 3],
    ],
  );
  for (const term of [0, 2, 3]) assert.equal(withTerm(known, "a", term), known);
});

test("of very many clusters those that were heard of last are remembered", () => {
  let terms = withTerm(new Map(), "first", 1);
  for (let index = 1; index < clustersMax; index += 1) terms = withTerm(terms, `c${index}`, 1);
  assert.equal(terms.get("first"), 1);
  terms = withTerm(withTerm(terms, "first", 2), "one-more", 1);
  assert.deepEqual([terms.size, terms.get("first"), terms.get("c1")], [clustersMax, 2, undefined]);
});
