import assert from "node:assert/strict";
import { test } from "node:test";
import { byteLevelBytes } from "./byte-level-bpe.ts";

const textOf = (piece: string): string => new TextDecoder().decode(byteLevelBytes(piece));

test("pieces of real vocabularies are the texts that they stand for", () => {
  // Entries of the vocabularies of GPT-2 and Qwen 2.5.
  for (const [piece, text] of [
    ["\u0120the", " the"],
    ["\u010a\u010a", "\n\n"],
    ["caf\u00c3\u00a9", "caf\u00e9"],
    ["\u00e4\u00bd\u0142", "\u4f60"],
    ["\u00f0\u0141\u013a\u0122", "\u{1f600}"],
  ] as const)
    assert.equal(textOf(piece), text);
});

test("a piece may be a part of a character", () => {
  assert.deepEqual([...byteLevelBytes("\u00f0\u0141")], [0xf0, 0x9f]);
});

test("every byte has a character of its own", () => {
  const characters = Array.from({ length: 0x144 }, (_, code) => String.fromCodePoint(code));
  const bytes = characters.map(byteLevelBytes).filter((found) => found.length === 1);
  assert.equal(new Set(bytes.map(([byte]) => byte)).size, 256);
});
