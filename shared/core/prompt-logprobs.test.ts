import assert from "node:assert/strict";
import { test } from "node:test";
import { type PromptToken, packPrompt, promptBytes, promptRows, splitPrompt, unpackPrompt } from "./prompt-logprobs.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const rows: readonly PromptToken[] = [
  { id: 1, text: bytes(""), logprobs: null },
  { id: 7, text: bytes("é"), logprobs: { logprob: -0.25, top: [{ id: 7, text: bytes("é"), logprob: -0.25 }] } },
  { id: 9, text: bytes("ab"), logprobs: { logprob: Number.NEGATIVE_INFINITY, top: [] } },
  { id: 7, text: bytes("é"), logprobs: { logprob: -3, top: [{ id: 4, text: bytes(" x"), logprob: -0.1 }] } },
];

test("what was packed comes out as it was, also in two parts cut anywhere", () => {
  const packed = packPrompt(10, 1, rows);
  assert.equal(promptRows(packed), rows.length);
  assert.deepEqual([...unpackPrompt(packed)], rows);
  for (let index = 9; index <= 15; index += 1) {
    const parts = splitPrompt(packed, index).flatMap((part) => part ?? []);
    assert.deepEqual(
      parts.flatMap((part) => [...unpackPrompt(part)]),
      rows,
    );
    const [, from] = splitPrompt(packed, index);
    assert.equal(from?.firstIndex, index >= 14 ? undefined : Math.max(10, index));
  }
});

test("the bytes of a prompt's tokens are without those of their alternatives", () => {
  const packed = packPrompt(0, 1, rows);
  assert.equal(new TextDecoder().decode(promptBytes([packed, packed])), "éabééabé");
});

test("alternatives beyond those that were asked for are left out", () => {
  const packed = packPrompt(0, 0, rows);
  assert.deepEqual(
    [...unpackPrompt(packed)].map(({ logprobs }) => logprobs?.top.length ?? null),
    [null, 0, 0, 0],
  );
});
