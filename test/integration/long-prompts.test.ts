// Prompts that are far too long for any slot, on the real engine: counted in pieces, between which its streams go on.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { EngineReplica } from "@pomona/node-agent/engine/engine";
import { defaultEngineOptions } from "@pomona/shared/core/engine-options";
import { countingModel } from "@pomona/shared/core/gguf/counting-model";
import { scriptedModel } from "@pomona/shared/core/gguf/scripted-model";
import { tokenizeText } from "@pomona/shared/core/gguf/vocabulary";
import type { GgufModel } from "@pomona/shared/core/gguf/writer";
import { attemptOf, start } from "../support/attempts.ts";
import { EngineModels } from "../support/engine-models.ts";

const models = new EngineModels();
let replica: EngineReplica;
before(async () => {
  replica = await models.load("counting", () => countingModel({ variant: "cycle" }));
});
after(async () => {
  await replica.close();
  models.remove();
});

const never = new AbortController().signal;

test("what no slot takes is counted to the last token, and only its beginning is listed", async () => {
  const { contextLength } = replica.info;
  const text = "a line of a long text\n".repeat(5000);
  for (const input of [
    { kind: "text", text },
    { kind: "chat", messages: [{ role: "user", content: text }] },
  ] as const) {
    const { tokenIds, tokensLeftOut } = await replica.tokenize(input, never);
    assert.ok(tokenIds.length > contextLength && tokenIds.length < contextLength + 10, `${tokenIds.length}`);
    assert.ok(tokenIds.length + tokensLeftOut >= tokenizeText(text).length);
  }
  const exact = await replica.tokenize({ kind: "text", text }, never);
  assert.equal(exact.tokenIds.length + exact.tokensLeftOut, tokenizeText(text).length + 1);
});

test("a text in pieces has the tokens that it has whole", async () => {
  const roomy = await models.load("counting", () => countingModel({ variant: "cycle" }), { contextLength: 65_536 });
  try {
    for (const text of ["one two\nthree ".repeat(4000), "one two  ".repeat(4000), "x".repeat(50_000)]) {
      const { tokenIds, tokensLeftOut } = await roomy.tokenize({ kind: "text", text }, never);
      assert.deepEqual([tokenIds.slice(1), tokensLeftOut], [tokenizeText(text), 0]);
    }
  } finally {
    await roomy.close();
  }
});

test("SentencePiece's space stands before the first piece alone, also where a later one begins with an empty line", async () => {
  const { metadata, tensors } = countingModel({ variant: "cycle" });
  const spaced = new Map(metadata).set("tokenizer.ggml.add_space_prefix", { kind: "bool", value: true });
  const roomy = await models.load("spaced", () => ({ metadata: spaced, tensors }), { contextLength: 65_536 });
  try {
    for (const text of ["a\n\n", "xa\n\n", "xxa\n\n"].map((line) => line + "a\n\n".repeat(10_000))) {
      const { tokenIds } = await roomy.tokenize({ kind: "text", text }, never);
      assert.deepEqual(tokenIds.slice(1), tokenizeText(` ${text}`));
    }
    // What spells a special token is cut there.
    const content = "say </s>\n or\n</s>";
    const chat = await roomy.tokenize({ kind: "chat", messages: [{ role: "user", content }] }, never);
    assert.deepEqual(chat.tokenIds.slice(1), tokenizeText(` ${content}`));
  } finally {
    await roomy.close();
  }
});

test("an input for a vector is listed as long as that may be, whatever the slots take", async () => {
  const options = { ...defaultEngineOptions, threads: 1, embeddingLength: 1024 };
  const model = (): GgufModel => scriptedModel({ name: "vectors", reply: "No.", contextLength: 1024 });
  const embedder = await models.load("vectors", model, { contextLength: 256, options });
  try {
    const fits = await embedder.tokenize({ kind: "plainText", text: "x".repeat(1000) }, never);
    assert.equal(fits.tokensLeftOut, 0);
    assert.equal((await embedder.embed([fits.tokenIds], never)).length, 1);
    assert.equal(embedder.info.inputLengthMax, 1024);
    const long = await embedder.tokenize({ kind: "plainText", text: "x".repeat(2000) }, never);
    assert.ok(long.tokensLeftOut > 900);
  } finally {
    await embedder.close();
  }
});

test("a stream goes on while a huge prompt is counted", async () => {
  const times = [performance.now()];
  const stream = start(replica, attemptOf(tokenizeText("ab"), { maxTokens: 900 }), () => times.push(performance.now()));
  // What people write of special tokens is cut, and so the slowest.
  const messages = [{ role: "user", content: "</s>".repeat(1_000_000) }] as const;
  await replica.tokenize({ kind: "chat", messages }, never);
  times.push(performance.now());
  const [first = 0, last = 0] = [times[0], times.at(-1)];
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? time));
  assert.ok(Math.max(...gaps) < (last - first) / 2, `${Math.max(...gaps)} of ${last - first} ms without a token`);
  await stream.done;
});
