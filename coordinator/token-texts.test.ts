import assert from "node:assert/strict";
import { test } from "node:test";
import { TokenTexts } from "./token-texts.ts";

test("every token's bytes come back as they were, empty and long ones too", () => {
  const texts = new TokenTexts();
  assert.deepEqual(texts.all(), []);
  const tokens = ["", "a", "🍎", "x".repeat(1000), "", "end"].map((text) => new TextEncoder().encode(text));
  texts.push(tokens.slice(0, 2));
  texts.push(tokens.slice(2));
  assert.deepEqual(texts.all(), tokens);
});

test("what it was given may be used for something else", () => {
  const texts = new TokenTexts();
  const token = Uint8Array.of(1, 2);
  texts.push([token]);
  token.fill(9);
  assert.deepEqual(texts.all(), [Uint8Array.of(1, 2)]);
});
