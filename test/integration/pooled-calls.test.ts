// Embeddings and ranking through a pool of two nodes with real engines, whose nodes and engines die.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { pomona } from "@pomona/proto/load";
import { countingModel } from "@pomona/shared/core/gguf/counting-model";
import { predictRelevance, relevanceModel } from "@pomona/shared/core/gguf/relevance-model";
import { scriptedModel } from "@pomona/shared/core/gguf/scripted-model";
import { callUnary, createInferenceClient } from "@pomona/shared/grpc/client";
import OpenAI from "openai";
import { errorOf, post } from "../support/http-front.ts";
import { TwoNodes } from "../support/two-nodes.ts";
import { waitFor } from "../support/wait-for.ts";

const timeoutMs = 60_000;
let pool: TwoNodes;

before(async () => {
  pool = await TwoNodes.start({
    engine: "llama",
    models: {
      // Its vectors tell what it would say next, by the last character.
      vectors: scriptedModel({ name: "vectors", reply: "Nothing to say.", replies: { e: "One." }, isPooled: true }),
      relevance: relevanceModel(),
      counting: countingModel(),
    },
  });
});

after(async () => {
  await pool?.close();
});

const sdk = (): OpenAI => new OpenAI({ baseURL: `${pool.http}/v1`, apiKey: "none", maxRetries: 0, timeout: timeoutMs });

async function embed(input: OpenAI.EmbeddingCreateParams["input"], more: Partial<OpenAI.EmbeddingCreateParams> = {}) {
  return await sdk().embeddings.create({ model: "vectors", input, ...more });
}

function product(a: readonly number[] = [], b: readonly number[] = []): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
}

test("vectors are of length 1, the same for a text and for its tokens, on every node", async () => {
  const client = createInferenceClient(pool.grpc);
  const call = { request: { model: "vectors", text: "one" }, timeoutMs, signal: AbortSignal.timeout(timeoutMs) };
  const { tokenIds } = await callUnary(client, pomona.Inference.service.Tokenize, call);
  client.close();
  const texts = Array.from({ length: 200 }, (_, index) => (index % 2 === 0 ? "one" : `the other, ${index}`));
  const answer = await embed(texts);
  const [first, second] = answer.data.map(({ embedding }) => embedding);
  const byTokens = await embed([[...tokenIds]]);
  for (const { embedding, index } of answer.data) {
    assert.ok(Math.abs(product(embedding, embedding) - 1) < 1e-4);
    if (index % 2 === 0) assert.ok(product(embedding, first) > 0.9999, `input ${index}`);
  }
  assert.ok(product(first, second) < 0.9999);
  assert.ok(product(first, byTokens.data[0]?.embedding) > 0.9999);
  assert.equal(byTokens.usage.prompt_tokens, tokenIds.length);
  const [cut] = (await embed("one", { dimensions: 16 })).data;
  assert.equal(cut?.embedding.length, 16);
  assert.ok(Math.abs(product(cut?.embedding, cut?.embedding) - 1) < 1e-4);
  const prompts = await pool.series("pomona_prompt_tokens_total");
  const nodes = [...prompts.keys()].filter((labels) => labels.includes('model="vectors"'));
  assert.equal(nodes.length, 2, "both nodes took a part of it");
});

test("an input that is too long is told with both numbers, before the others are done", async () => {
  const response = await post(`${pool.http}/v1/embeddings`, { model: "vectors", input: ["a", "x".repeat(2000)] });
  const error = await errorOf(response);
  assert.deepEqual([response.status, error.code, error.param], [400, "context_length_exceeded", "input[1]"]);
  assert.match(error.message, /^input\[1\] has 200\d tokens; 1024 are the most/);
});

test("documents are ranked by what the model says of them", async () => {
  const documents = Array.from({ length: 80 }, (_, index) => "+".repeat(index % 9) + "-".repeat(8 - (index % 9)));
  const response = await post(`${pool.http}/v1/rerank`, { model: "relevance", query: "q+", documents, top_n: 3 });
  assert.equal(response.status, 200);
  const { results } = (await response.json()) as { results: { index: number; relevance_score: number }[] };
  assert.equal(results.length, 3);
  for (const { index, relevance_score: score } of results) {
    assert.equal(index % 9, 8);
    assert.ok(Math.abs(score - predictRelevance("q+", documents[index] ?? "")) < 1e-4);
  }
});

test("models that cannot do it are named", async () => {
  const refusals: readonly (readonly [path: string, body: object, reason: RegExp])[] = [
    [
      "/v1/embeddings",
      { model: "counting", input: "a" },
      /^model counting makes no embeddings here: set engine\.embed/,
    ],
    ["/v1/embeddings", { model: "relevance", input: "a" }, /^model relevance ranks documents and makes no embeddings/],
    ["/v1/rerank", { model: "vectors", query: "q", documents: ["d"] }, /^model vectors ranks nothing/],
  ];
  for (const [path, body, reason] of refusals) {
    const response = await post(`${pool.http}${path}`, body);
    const error = await errorOf(response);
    assert.deepEqual([response.status, error.param], [400, "model"], path);
    assert.match(error.message, reason);
  }
});

test("what a node was doing when it died is done by the other", async () => {
  const texts = Array.from({ length: 1500 }, (_, index) => `${index} ${"word ".repeat(60)}`);
  const [victim] = (await pool.enginePids()).keys();
  assert.ok(victim !== undefined);
  const evaluated = async (): Promise<number> => {
    const series = await pool.series("pomona_prompt_tokens_total");
    const labels = [...series.keys()].find((one) => one.includes('model="vectors"') && one.includes(victim));
    return series.get(labels ?? "") ?? 0;
  };
  const before = await evaluated();
  const answer = embed(texts);
  let isAnswered = false;
  void answer.then(
    () => {
      isAnswered = true;
    },
    () => undefined,
  );
  await waitFor(async () => (await evaluated()) > before, timeoutMs, "the node has done a part of it");
  await pool.node(victim).process.kill();
  assert.equal(isAnswered, false, "the node died in the middle");
  const { data } = await answer;
  assert.equal(data.length, texts.length);
  for (const { embedding } of data) assert.ok(Math.abs(product(embedding, embedding) - 1) < 1e-4);
  await pool.restore();
  const counted = [...(await pool.series("pomona_requests_total"))];
  const finished = counted.filter(([labels]) => labels.includes('model="vectors"') && labels.includes('"finished"'));
  assert.deepEqual(
    finished.map(([labels]) => /api="(\w+)"/.exec(labels)?.[1]),
    ["openai"],
  );
});
