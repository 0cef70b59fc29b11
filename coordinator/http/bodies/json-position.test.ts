import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { findJsonError, lineAndColumn } from "./json-position.ts";

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test("the first character that cannot stand there is named", () => {
  const table: readonly (readonly [text: string, index: number | null])[] = [
    ['{"a": 1}', null],
    ['{"a": abc}', 6],
    ['{"a": 1,}', 8],
    ['{"a" 1}', 5],
    ["{'a': 1}", 1],
    ["[1, 2", 5],
    ["[1, 2}", 5],
    ['"abc', 4],
    ['"a\nb"', 2],
    ['"\\x"', 1],
    ['{"a": 01}', 7],
    ["tru", 3],
    ["NaN", 0],
    ["", 0],
    ["{} {}", 3],
  ];
  for (const [text, index] of table) assert.equal(findJsonError(text), index, text);
});

test("a line and a column count from one", () => {
  assert.equal(lineAndColumn("{\n  x", 4), "line 2, column 3");
});

test("it finds an error in exactly the texts that JSON.parse refuses", () => {
  const mutated = fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom("", '"', "{", "]", ",", ":", "1", "\\", "\n", "e"))
    .map(([text, seed, piece]) => {
      const at = seed % (text.length + 1);
      return text.slice(0, at) + piece + text.slice(at + 1);
    });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.json(), fc.string()), (text) => {
      assert.equal(findJsonError(text) === null, isJson(text), text);
    }),
    { numRuns: 2000 },
  );
});

test("a hundred thousand brackets need no stack", () => {
  assert.equal(findJsonError("[".repeat(100_000)), 100_000);
});
