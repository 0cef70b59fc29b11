import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { piecesOf } from "./text-pieces.ts";

const pieces = (text: string, lengthMax: number): string[] => [...piecesOf(text, lengthMax)];

test("a short text is one piece, and an empty one too", () => {
  assert.deepEqual(pieces("a b", 3), ["a b"]);
  assert.deepEqual(pieces("", 3), [""]);
});

test("pieces end after a line, else after a word, else anywhere but in a character or a special token", () => {
  assert.deepEqual(pieces("one two\nthree four", 12), ["one two\n", "three four"]);
  assert.deepEqual(pieces("one two three four", 12), ["one two ", "three four"]);
  assert.deepEqual(pieces("abcdefgh", 3), ["abc", "def", "gh"]);
  assert.deepEqual(pieces("ab\u{1f600}cd", 3), ["ab", "\u{1f600}c", "d"]);
  const plain = "x".repeat(95);
  assert.deepEqual(pieces(`${plain}<|im_end|>y`, 100), [plain, "<|im_end|>y"]);
});

test("the pieces of any text are the text, and what follows changes none of the first ones", () => {
  const text = fc.string({ unit: fc.constantFrom("a", " ", "\n", "<", "\u{1f600}"), maxLength: 400 });
  fc.assert(
    fc.property(text, text, fc.integer({ min: 2, max: 100 }), (one, more, lengthMax) => {
      const cut = pieces(one, lengthMax);
      assert.equal(cut.join(""), one);
      assert.ok(cut.every((piece) => piece.length > 0 || one === ""));
      assert.deepEqual(pieces(one + more, lengthMax).slice(0, cut.length - 1), cut.slice(0, -1));
    }),
  );
});
