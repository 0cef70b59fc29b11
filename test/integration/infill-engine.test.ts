// Prompts for gaps as the real engine makes them, token by token, for models that differ in what they were trained with.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { EngineReplica } from "@pomona/node-agent/engine/engine";
import { type ScriptedOptions, scriptedModel } from "@pomona/shared/core/gguf/scripted-model";
import { bosTokenId, byteTokenId, characterTokenId } from "@pomona/shared/core/gguf/vocabulary";
import type { GgufModel } from "@pomona/shared/core/gguf/writer";
import { attemptOf, start } from "../support/attempts.ts";
import { EngineModels } from "../support/engine-models.ts";

const engines = new EngineModels();
after(() => engines.remove());

const reply = "return left + right;";

async function withModel(model: GgufModel, use: (replica: EngineReplica) => Promise<void>): Promise<void> {
  const name = model.metadata.get("general.name");
  assert.ok(name?.kind === "string");
  const replica = await engines.load(name.value, () => model);
  try {
    await use(replica);
  } finally {
    await replica.close();
  }
}

const coder = (name: string, options: Partial<ScriptedOptions>): GgufModel =>
  scriptedModel({ name, reply, ...options });
const idOf = (model: GgufModel, text: string): number => {
  const tokens = model.metadata.get("tokenizer.ggml.tokens");
  return tokens?.kind === "strings" ? tokens.values.indexOf(text) : -1;
};
const fill = (replica: EngineReplica, prefix: string, suffix: string) =>
  replica.tokenize({ kind: "infill", prefix, suffix }, AbortSignal.timeout(10_000));
const [a, b, space] = ["a", "b", " "].map(characterTokenId);

test("what comes before a gap begins as a document, with SentencePiece's space; what comes after does not", async () => {
  const controls = ["▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>"];
  const { metadata, tensors } = coder("with-space", { controls, end: "▁<EOT>" });
  const spaced = new Map(metadata).set("tokenizer.ggml.add_space_prefix", { kind: "bool", value: true });
  const model = { metadata: spaced, tensors };
  const [prefix, suffix, middle, end] = controls.map((text) => idOf(model, text));
  await withModel(model, async (replica) => {
    const { tokenIds, stopTokenIds } = await fill(replica, "a", "b");
    assert.deepEqual(tokenIds, [bosTokenId, prefix, space, a, suffix, b, middle]);
    assert.deepEqual(stopTokenIds, [prefix, suffix, middle, end]);
    for (const [text, ...ids] of [
      ["\nb", byteTokenId(10), b],
      [" b", space, b],
      ["  b", space, space, b],
      ["\n\n b", byteTokenId(10), byteTokenId(10), space, b],
    ] as const)
      assert.deepEqual((await fill(replica, "", text)).tokenIds, [bosTokenId, prefix, suffix, ...ids, middle], text);
    const atBeginning = await fill(replica, "", "b");
    assert.deepEqual(atBeginning.tokenIds, [bosTokenId, prefix, suffix, b, middle]);
  });
});

test("a model that reads what comes after first is told it first, without a middle where it has none", async () => {
  const controls = ["[PREFIX]", "[SUFFIX]", "[MIDDLE]"];
  const model = coder("codestral", { controls, replies: { a: "yes, after an a." } });
  const [prefix, suffix] = controls.map((text) => idOf(model, text));
  await withModel(model, async (replica) => {
    const { tokenIds } = await fill(replica, "a", "b");
    assert.deepEqual(tokenIds, [bosTokenId, suffix, b, prefix, a]);
    const { text, ending } = await start(replica, attemptOf(tokenIds)).done;
    assert.deepEqual([text, ending.reason], ["yes, after an a.", "stop"]);
  });
});

test("an answer ends where the engine ends it by itself, and where only the model's own tokens do", async () => {
  const gap = ["<fim_prefix>", "<fim_suffix>", "<fim_middle>"];
  for (const { end, isKnown } of [
    { end: "<fim_pad>", isKnown: true },
    { end: "<file_sep>", isKnown: false },
    { end: "<fim_prefix>", isKnown: false },
  ]) {
    const controls = [...new Set([...gap, end])];
    await withModel(coder(end.slice(1, -1), { controls, end }), async (replica) => {
      const { tokenIds, stopTokenIds = [] } = await fill(replica, "a", "b");
      const ended = await start(replica, attemptOf(tokenIds, { stopTokenIds, maxTokens: 100 })).done;
      assert.deepEqual([ended.text, ended.ending.reason], [reply, "stop"]);
      const bare = await start(replica, attemptOf(tokenIds, { maxTokens: 100 })).done;
      assert.deepEqual([bare.text === reply, bare.ending.reason], isKnown ? [true, "stop"] : [false, "length"], end);
    });
  }
});
