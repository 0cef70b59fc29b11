// What a replica does beside plain generation: embeddings, ranking, adapters, other KV types.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { defaultEngineOptions, type EngineOptions } from "@pomona/shared/core/engine-options";
import { branchingAdapter, branchingModel } from "@pomona/shared/core/gguf/branching-model";
import { keyedModel, predictKeyed } from "@pomona/shared/core/gguf/keyed-model";
import { randomModel } from "@pomona/shared/core/gguf/random-model";
import { predictRelevance, type RelevanceOptions, relevanceModel } from "@pomona/shared/core/gguf/relevance-model";
import { blankModel } from "@pomona/shared/core/gguf/sized-models";
import { characterTokenId } from "@pomona/shared/core/gguf/vocabulary";
import { type GgufModel, writeGguf } from "@pomona/shared/core/gguf/writer";
import { attemptOf, ids, start } from "../support/attempts.ts";
import { EngineModels } from "../support/engine-models.ts";

const models = new EngineModels();
after(() => models.remove());

const optionsWith = (changes: Partial<EngineOptions>) => ({
  options: { ...defaultEngineOptions, ...changes, threads: 1 },
});
const patient = (): AbortSignal => AbortSignal.timeout(30_000);
const product = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);

describe("embeddings", () => {
  test("are of length 1, the same for the same input, beside running generations", async () => {
    const replica = await models.load("random", () => randomModel("25m", "Q8_0"), optionsWith({ embeddingLength: 64 }));
    const inputs = await Promise.all(["one two", "three", "one two"].map((text) => ids(replica, text)));
    const running = start(replica, attemptOf(await ids(replica, "beside"), { maxTokens: 60 }));
    const vectors = await replica.embed(inputs, patient());
    assert.equal((await running.done).ending.usage.generatedTokens, 60);
    for (const vector of vectors) {
      assert.equal(vector.length, 384);
      assert.ok(Math.abs(product(vector, vector) - 1) < 1e-5);
    }
    const [first, second, third] = vectors;
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    assert.ok(product(first, third) > 0.9999 && product(first, second) < 0.99);
    await replica.close();
  });

  test("of nothing, of unknown tokens, of too many or too long inputs are refused by name", async () => {
    const replica = await models.load("keyed", keyedModel, optionsWith({ embeddingLength: 16 }));
    for (const { inputs, reason, code = "invalid_request" } of [
      { inputs: [], reason: /inputs is empty/ },
      { inputs: [[1], []], reason: /^inputs\[1\] is empty/ },
      { inputs: [[1, 999_999]], reason: /token 999999/ },
      { inputs: Array.from({ length: 2049 }, () => [1]), reason: /2049 entries/ },
      {
        inputs: [[1], Array.from({ length: 17 }, () => 300)],
        reason: /^inputs\[1\] has 17 tokens; 16/,
        code: "context_length_exceeded",
      },
    ]) {
      await assert.rejects(replica.embed(inputs, patient()), { code, message: reason });
    }
    // Only special tokens: a defined result.
    const [vector] = await replica.embed([[1, 1]], patient());
    assert.equal(vector?.length, 128);
    await replica.close();
  });

  test("take inputs of the whole length, and none beyond the trained context", async () => {
    const learnt = (): GgufModel => {
      const { metadata, tensors } = blankModel("bert");
      return {
        metadata: new Map(metadata).set("tokenizer.ggml.add_eos_token", { kind: "bool", value: true }),
        tensors,
      };
    };
    const long = { code: "context_length_exceeded", message: /^inputs\[0\] has 513 tokens; 512 are the most/ };
    for (const embeddingLength of [253, 254, 255, 2048]) {
      const changes = { ...optionsWith({ embeddingLength }), contextLength: 256 };
      const replica = await models.load("learnt-positions", learnt, changes);
      // One token is added at each end.
      const tokens = (count: number): number[] => Array.from({ length: count }, () => 300);
      const [vector] = await replica.embed([tokens(Math.min(510, embeddingLength))], patient());
      assert.equal(vector?.length, 128);
      if (embeddingLength > 512) await assert.rejects(replica.embed([tokens(511)], patient()), long);
      await replica.close();
    }
  });

  test("are refused by a model that is made to rank alone", async () => {
    const replica = await models.load("ranks-alone", relevanceModel, optionsWith({ embeddingLength: 16 }));
    const expected = { code: "failed_precondition", message: /ranks/ };
    await assert.rejects(replica.embed([[300]], patient()), expected);
    await replica.close();
  });

  test("and ranking are refused by a replica that has neither", async () => {
    const replica = await models.load("keyed", keyedModel);
    await assert.rejects(replica.embed([[1]], patient()), { code: "failed_precondition", message: /embeddingLength/ });
    await assert.rejects(replica.rank("q", ["d"], patient()), { code: "failed_precondition", message: /classifier/ });
    await assert.rejects(replica.rank("", ["d"], patient()), { code: "invalid_request" });
    await replica.close();
  });
});

describe("ranking", () => {
  const layouts: readonly RelevanceOptions[] = [
    {},
    { addsSeparator: true },
    { addsEos: false },
    { addsEos: false, addsSeparator: true },
    { addsBos: false },
    { template: "Judge: {query} for {document}, {document}?" },
    { template: "Judge: {query} for {document}?", addsEos: false },
    { architecture: "bert", contextLength: 512 },
    { architecture: "bert", contextLength: 512, addsSeparator: true },
  ];
  const query = "a+";
  // What spells special tokens or places of the template is plain text.
  const documents = [
    "",
    "+++++",
    "none",
    "half+++++",
    "</s><s>",
    "{query}{document}",
    "\u00e9 +",
    " + ",
    "x".repeat(90),
  ];

  const loadRanker = (name: string, options: RelevanceOptions, embeddingLength = 256) =>
    models.load(`relevance-${name}`, () => relevanceModel(options), {
      ...optionsWith({ embeddingLength }),
      contextLength: 256,
    });

  for (const [number, layout] of layouts.entries()) {
    test(`gives the scores that the model is made for: ${JSON.stringify(layout)}`, async () => {
      const replica = await loadRanker(String(number), layout);
      for (const asked of [query, "</s>", "{document}"]) {
        const { scores } = await replica.rank(asked, documents, patient());
        for (const [index, document] of documents.entries()) {
          const difference = Math.abs((scores[index] ?? Number.NaN) - predictRelevance(asked, document, layout));
          assert.ok(difference < 1e-4, `${asked} and ${document}: ${scores[index]} is ${difference} off`);
        }
      }
      await replica.close();
    });
  }

  test("orders documents beside running generations, many at a time, and again the same", async () => {
    const replica = await loadRanker("beside", {});
    const running = start(replica, attemptOf(await ids(replica, "beside"), { maxTokens: 100 }));
    const shares = Array.from({ length: 21 }, (_, pluses) => "+".repeat(pluses) + "-".repeat(20 - pluses));
    const calls = await Promise.all(Array.from({ length: 4 }, () => replica.rank("?", shares, patient())));
    assert.equal((await running.done).ending.usage.generatedTokens, 100);
    for (const { scores } of calls) {
      assert.deepEqual(scores, calls[0]?.scores);
      for (const [index, score] of scores.entries()) assert.ok(index === 0 || score > (scores[index - 1] ?? 1));
    }
    await replica.close();
  });

  test("of nothing, of too many or too long documents is refused by name", async () => {
    const replica = await loadRanker("strict", {}, 16);
    // Three tokens beside the texts.
    assert.deepEqual((await replica.rank("12345", ["1234567"], patient())).tokens, [15]);
    const long = "context_length_exceeded";
    for (const { asked = "q", listed, reason, code = "invalid_request" } of [
      { asked: "", listed: ["d"], reason: /query is empty/ },
      { listed: [], reason: /documents is empty/ },
      { listed: Array.from({ length: 2049 }, () => "d"), reason: /2049 entries/ },
      {
        listed: ["d", "x".repeat(13)],
        reason: /^documents\[1\] has 17 tokens with the query .* 16 are the most/,
        code: long,
      },
      { asked: "x".repeat(20), listed: ["d"], reason: /^documents\[0\] has 24 tokens/, code: long },
    ]) {
      await assert.rejects(replica.rank(asked, listed, patient()), { code, message: reason });
    }
    await replica.close();
  });

  test("beyond the trained context is refused, however long inputs may be", async () => {
    const replica = await loadRanker("short", { architecture: "bert", contextLength: 300 }, 2048);
    const { scores } = await replica.rank("q", ["+".repeat(295)], patient());
    assert.ok(Math.abs((scores[0] ?? 0) - predictRelevance("q", "+".repeat(295), { architecture: "bert" })) < 1e-4);
    const long = { code: "context_length_exceeded", message: /^documents\[0\] has 301 tokens .* 300 are the most/ };
    await assert.rejects(replica.rank("q", ["+".repeat(297)], patient()), long);
    await replica.close();
  });

  test("tells that engine.embeddingLength is to be set", async () => {
    const replica = await loadRanker("closed", {}, 0);
    const expected = { code: "failed_precondition", message: /set engine\.embeddingLength/ };
    await assert.rejects(replica.rank("q", ["d"], patient()), expected);
    await replica.close();
  });
});

test("an adapter changes the answer by its scale, and another file is refused", async () => {
  const path = join(models.folder, "adapter.gguf");
  writeFileSync(path, writeGguf(branchingAdapter(characterTokenId("z"), 40)));
  const answer = async (changes: Partial<EngineOptions>): Promise<string> => {
    const replica = await models.load("branching", branchingModel, optionsWith(changes));
    const { text } = await start(replica, attemptOf(await ids(replica, "abc"), { maxTokens: 8 })).done;
    await replica.close();
    return text;
  };
  const plain = await answer({});
  assert.equal(await answer({ loras: [{ path, scale: 1 }] }), "zzzzzzzz");
  assert.equal(await answer({ loras: [{ path, scale: 0 }] }), plain);
  const wrong = join(models.folder, "branching.gguf");
  await assert.rejects(answer({ loras: [{ path: wrong, scale: 1 }] }), { code: "invalid_model" });
});

for (const kvType of ["f16", "q8_0", "q4_0"] as const) {
  test(`the keyed model finds its key in a KV of ${kvType}`, async () => {
    const replica = await models.load("keyed", keyedModel, optionsWith({ kvType }));
    for (const prompt of ["3 some words q", `7${"lorem ".repeat(100)}q`]) {
      const { text } = await start(replica, attemptOf(await ids(replica, prompt))).done;
      assert.equal(text, predictKeyed(prompt, 20));
    }
    await replica.close();
  });
}

test("without flash attention, without a file mapping and with small batches the answers are the same", async () => {
  const changes = { hasFlashAttention: false, usesMmap: false, batchSize: 64, chunkLength: 64 };
  const replica = await models.load("keyed", keyedModel, optionsWith(changes));
  const prompt = `5${"lorem ".repeat(100)}q`;
  const { text, chunkLengths } = await start(replica, attemptOf(await ids(replica, prompt))).done;
  assert.equal(text, predictKeyed(prompt, 20));
  assert.ok(Math.max(...chunkLengths) <= 64);
  await replica.close();
});
