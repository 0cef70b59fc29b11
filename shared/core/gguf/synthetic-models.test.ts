import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { builtinTinyModel, builtinTinyReply } from "../builtin-model.ts";
import { predictCounting, predictCountingIds } from "./counting-model.ts";
import { predictKeyed, predictKeyedIds } from "./keyed-model.ts";
import { splitReply } from "./scripted-model.ts";
import { createVocabulary, tokenizeText } from "./vocabulary.ts";
import { walshCode } from "./walsh-codes.ts";

test("counting goes from a character to the next one and ends after the tilde", () => {
  assert.equal(predictCounting("a", 3), "bcd");
  assert.equal(predictCounting("x y", 100), "z{|}~");
  assert.equal(predictCounting("~", 100), "");
  assert.equal(predictCounting("", 2), "ab");
  assert.equal(predictCounting("é", 7), "🙂abc");
  assert.equal(predictCounting("日本", 2), "ab");
});

test("the counting cycle goes on through é and 🙂", () => {
  assert.equal(predictCounting("}", 9, "cycle"), "~é🙂ab");
  assert.equal(predictCountingIds(tokenizeText("a"), 1000, "cycle").length, 1000);
});

test("keyed goes on in the alphabet of the largest digit of the prompt", () => {
  assert.equal(predictKeyed("3a", 3), "b3c3d3e3f3g3");
  assert.equal(predictKeyed("3 and 7, y", 2), "z7a7b7c7");
  assert.equal(predictKeyed("a", 2), "b-c-d-e-");
  assert.equal(predictKeyed("5", 1), "a5b5");
});

test("a continued prediction is the rest of the whole one", () => {
  const prompt = tokenizeText("4k");
  const all = predictKeyedIds(prompt, 20);
  for (let cut = 0; cut <= 20; cut++) {
    assert.deepEqual(predictKeyedIds([...prompt, ...all.slice(0, cut)], 20 - cut), all.slice(cut));
  }
});

test("codes are orthogonal or opposite", () => {
  const product = (a: number, b: number): number =>
    Array.from({ length: 64 }, (_, i) => walshCode(a, i, 64) * walshCode(b, i, 64)).reduce((sum, x) => sum + x, 0);
  for (let a = 0; a < 128; a++) {
    for (let b = 0; b < 128; b++) assert.equal(product(a, b), a === b ? 64 : a % 64 === b % 64 ? -64 : 0);
  }
});

test("a reply is split into unique pieces of three characters or more", () => {
  const used = new Set<string>();
  for (const reply of ["well well well, well", "ok!", "<tool_call>{}</tool_call>", builtinTinyReply]) {
    const pieces = splitReply(reply, used);
    assert.equal(pieces.join(""), reply);
    assert.ok(pieces.every((piece) => [...piece].length >= 3));
  }
  assert.throws(() => splitReply("ok!", used), /cannot be split/);
  assert.throws(() => splitReply("ok", used), /cannot be split/);
  assert.throws(() => createVocabulary(["ab"]));
});

test("the built-in model is the same bytes everywhere", () => {
  const model = builtinTinyModel();
  assert.ok(model.length < 500_000);
  const hash = createHash("sha256").update(model).digest("hex");
  assert.equal(hash, "3d630a4dc5ba1edb15e4dddeeaac211384eadc5ac1338a2e5e991dc4aa45ebc9");
  assert.match(builtinTinyReply, /pomona up --model NAME=\/path\/to\/model\.gguf/);
});
