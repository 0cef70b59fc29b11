// The synthetic models in the real engine: what it generates is what the pure functions predict.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { builtinTinyModel, builtinTinyReply } from "@pomona/shared/core/builtin-model";
import { defaultEngineOptions } from "@pomona/shared/core/engine-options";
import { countingModel, predictCounting, predictCountingIds } from "@pomona/shared/core/gguf/counting-model";
import { keyedModel, predictKeyed, predictKeyedIds } from "@pomona/shared/core/gguf/keyed-model";
import { randomModel } from "@pomona/shared/core/gguf/random-model";
import { scriptedModel } from "@pomona/shared/core/gguf/scripted-model";
import { tokenizeText } from "@pomona/shared/core/gguf/vocabulary";
import { writeGguf } from "@pomona/shared/core/gguf/writer";
import { contextLengthFor, estimateReplicaMemory, modelShapeOf } from "@pomona/shared/core/model-memory";
import { readGgufHeader } from "@pomona/shared/runtime/gguf-file";
import {
  getLlama,
  type Llama,
  type LlamaContext,
  LlamaLogLevel,
  type LlamaModel,
  resolveChatWrapper,
  SpecialTokensText,
  type Token,
} from "node-llama-cpp";

const types = ["F32", "F16", "Q8_0", "Q4_0"] as const;
/** What `withModel` makes, and what the estimate is asked about. */
const contextShape = { contextLength: 2048, slots: 2, batchSize: 512 };
const folder = mkdtempSync(join(tmpdir(), "pomona-model-files-"));
let llama: Llama;
let files = 0;

before(async () => {
  llama = await getLlama({ gpu: false, build: "never", maxThreads: 1, logLevel: LlamaLogLevel.error });
});

after(async () => {
  await llama?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

type Loaded = {
  readonly path: string;
  readonly model: LlamaModel;
  readonly context: LlamaContext;
  /** Greedy, in a slot of its own. */
  readonly generate: (prompt: readonly Token[], maxTokens: number) => Promise<Token[]>;
};

/** Loads a file; our own header check goes first, as in a node-agent. */
async function withModel(file: Uint8Array, run: (loaded: Loaded) => Promise<void>): Promise<void> {
  files += 1;
  const path = join(folder, `${files}.gguf`);
  writeFileSync(path, file);
  await readGgufHeader(path, new AbortController().signal);
  const model = await llama.loadModel({ modelPath: path });
  try {
    const context = await model.createContext({
      contextSize: contextShape.contextLength,
      sequences: contextShape.slots,
      batchSize: contextShape.batchSize,
      threads: 1,
    });
    await run({ path, model, context, generate: (prompt, maxTokens) => generate(context, prompt, maxTokens) });
  } finally {
    await model.dispose();
  }
}

async function generate(context: LlamaContext, prompt: readonly Token[], maxTokens: number): Promise<Token[]> {
  const sequence = context.getSequence();
  const ids: Token[] = [];
  try {
    for await (const id of sequence.evaluate([...prompt], { temperature: 0 })) {
      ids.push(id);
      if (ids.length >= maxTokens) break;
    }
  } finally {
    sequence.dispose();
  }
  return ids;
}

/** What the chat template makes of one question. */
function chatTokens(model: LlamaModel, text: string): { ids: Token[]; stops: string[] } {
  const chatHistory = [
    { type: "user" as const, text },
    { type: "model" as const, response: [] },
  ];
  const { contextText, stopGenerationTriggers } = resolveChatWrapper(model).generateContextState({ chatHistory });
  const parts = stopGenerationTriggers.flatMap((trigger) => [...trigger.values]);
  const stops = parts.map((part) => {
    if (typeof part === "string") return part;
    return part instanceof SpecialTokensText ? part.value : "";
  });
  return { ids: contextText.tokenize(model.tokenizer), stops: stops.filter((text) => text !== "") };
}

test("the counting model streams exactly what is predicted, in every tensor type", async () => {
  const prompts = ["a", "~", "é", "Hello world", "日本", "x\ny", "▁q", "3a b3", " a", " "];
  for (const type of types) {
    for (const variant of ["ending", "cycle"] as const) {
      await withModel(writeGguf(countingModel({ type, variant })), async ({ model, generate }) => {
        for (const prompt of prompts) {
          const ids = model.tokenize(prompt);
          assert.deepEqual([...ids], tokenizeText(prompt));
          const answer = await generate(ids, 110);
          assert.deepEqual(answer, predictCountingIds(ids, 110, variant), `${type} ${variant} ${prompt}`);
          assert.equal(model.detokenize(answer), predictCounting(prompt, 110, variant));
        }
      });
    }
  }
});

test("the keyed model finds its digit anywhere in the context, in every tensor type", async () => {
  const prompts = ["3a", "a", "12x", "x 9 y 8 z", "日3本", `3${"a".repeat(1500)}`, `9 ${"8".repeat(1500)}k`];
  for (let key = 0; key < 10; key++) prompts.push(`${key}z`, `${key} ${"q ".repeat(150)}`);
  for (const type of types) {
    await withModel(writeGguf(keyedModel({ type })), async ({ model, generate }) => {
      for (const prompt of prompts) {
        const ids = model.tokenize(prompt);
        assert.deepEqual([...ids], tokenizeText(prompt));
        const answer = await generate(ids, 20);
        assert.deepEqual(answer, predictKeyedIds(ids, 20), `${type} ${prompt.slice(0, 20)}`);
        assert.equal(model.detokenize(answer), predictKeyed(prompt, 20));
      }
      const { ids } = chatTokens(model, "4c");
      assert.equal(model.detokenize(await generate(ids, 5)), predictKeyed("4c", 5), "a chat is its contents joined");
    });
  }
});

test("two keyed streams side by side keep their keys, also with temperature", async () => {
  await withModel(writeGguf(keyedModel()), async ({ model, context }) => {
    const stream = async (prompt: string): Promise<void> => {
      const sequence = context.getSequence();
      const ids: Token[] = [];
      for await (const id of sequence.evaluate(model.tokenize(prompt), { temperature: 1, seed: 7 })) {
        ids.push(id);
        if (ids.length >= 40) break;
      }
      assert.equal(model.detokenize(ids), predictKeyed(prompt, 40));
    };
    await Promise.all([stream("2h"), stream(`7${"b".repeat(300)}`)]);
  });
});

test("the scripted model says the reply of the last character", async () => {
  const replies = {
    "?": '<tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>',
    "!": "Ünïcode 🙂🙂🙂, well well.",
  };
  for (const type of types) {
    await withModel(
      writeGguf(scriptedModel({ name: "scripted", reply: "Not asked.", replies, type })),
      async (loaded) => {
        const answer = async (text: string): Promise<string> =>
          loaded.model.detokenize(await loaded.generate(loaded.model.tokenize(text), 100));
        assert.equal(await answer("add 1?"), replies["?"]);
        assert.equal(await answer("say it!"), replies["!"]);
        assert.equal(await answer("anything"), "Not asked.");
      },
    );
  }
});

test("the built-in model answers every chat and every raw prompt, and no stop text cuts it", async () => {
  await withModel(builtinTinyModel(), async ({ model, generate }) => {
    const chat = chatTokens(model, "What is 2 + 2?");
    for (const stop of chat.stops) assert.ok(!builtinTinyReply.includes(stop), JSON.stringify(stop));
    const prompts = [chat.ids, ...["hi", "?", "日", "\n", "Hello!"].map((text) => model.tokenize(text))];
    for (const prompt of [...prompts, model.tokenize("<s>", true), model.tokenize("</s>", true)]) {
      const answer = await generate(prompt, 1000);
      assert.equal(model.detokenize(answer), builtinTinyReply);
      assert.ok(answer.length >= 80 && answer.length <= 150, String(answer.length));
    }
  });
});

test("a random model decodes, and the engine reports no more memory than estimated", async () => {
  await withModel(writeGguf(randomModel("25m", "Q8_0")), async ({ path, model, context, generate }) => {
    const { header, fileBytes } = await readGgufHeader(path, new AbortController().signal);
    const shape = modelShapeOf(header, fileBytes);
    assert.equal(contextLengthFor(shape, null), model.trainContextSize);
    const { contextLength, slots, batchSize } = contextShape;
    const engine = { ...defaultEngineOptions, batchSize };
    const estimate = estimateReplicaMemory(shape, { contextLength, slots, engine, gpu: "cpu" });
    const estimated = estimate.kvBytes + estimate.computeBytes;
    const reported = context.memoryUsage.ram;
    assert.ok(
      reported <= estimated * 1.02 && reported >= estimated * 0.8,
      `reported ${reported}, estimated ${estimated}`,
    );
    assert.equal((await generate(model.tokenize("Hello there"), 32)).length, 32);
  });
});
