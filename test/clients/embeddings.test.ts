// Embeddings, as each of the clients asks for them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { OpenAIEmbeddings } from "@langchain/openai";
import { embed, embedMany } from "ai";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { skip, useClientPool } from "./client-pool.ts";

const model = "embedder";
const pool = useClientPool({ added: { [model]: ["--engine-option", "embeddingLength=2048"] } });
const openai = (): OpenAI => new OpenAI({ baseURL: `${pool.url}/v1`, apiKey: "none", maxRetries: 0 });
const inputs = Array.from({ length: 32 }, (_, index) => `Sentence number ${index}.`);

/** The first of the inputs, as the pool gives it without any client's help. */
async function first(): Promise<readonly number[]> {
  const body = JSON.stringify({ model, input: inputs[0] });
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${pool.url}/v1/embeddings`, { method: "POST", headers, body });
  const { data } = (await response.json()) as { data: { embedding: number[] }[] };
  return data[0]?.embedding ?? assert.fail();
}

function isClose(one: readonly number[], other: readonly number[] | undefined): void {
  assert.equal(one.length, other?.length);
  for (const [index, value] of one.entries()) assert.ok(Math.abs(value - (other?.[index] ?? Number.NaN)) < 1e-4);
}

test("OpenAI SDK: as numbers, as the SDK likes them, one and many", { skip }, async () => {
  const expected = await first();
  const bytes = await openai().embeddings.create({ model, input: inputs });
  assert.deepEqual(
    bytes.data.map(({ index }) => index),
    inputs.map((_, index) => index),
  );
  isClose(expected, bytes.data[0]?.embedding);
  assert.ok(bytes.usage.prompt_tokens > inputs.length);
  const numbers = await openai().embeddings.create({ model, input: inputs[0] ?? "", encoding_format: "float" });
  isClose(expected, numbers.data[0]?.embedding);
  const length = Math.hypot(...expected);
  assert.ok(Math.abs(length - 1) < 1e-3, `length ${length}`);
});

test("AI SDK: embed and embedMany", { skip }, async () => {
  const provider = createOpenAICompatible({ name: "pomona", baseURL: `${pool.url}/v1` });
  const one = await embed({ model: provider.embeddingModel(model), value: inputs[0] ?? "" });
  isClose(await first(), one.embedding);
  const many = await embedMany({ model: provider.embeddingModel(model), values: inputs });
  assert.equal(many.embeddings.length, inputs.length);
  isClose(one.embedding, many.embeddings[0]);
});

test("LangChain: a query and documents", { skip }, async () => {
  const embeddings = new OpenAIEmbeddings({
    model,
    apiKey: "none",
    maxRetries: 0,
    configuration: { baseURL: `${pool.url}/v1` },
  });
  isClose(await first(), await embeddings.embedQuery(inputs[0] ?? ""));
  assert.equal((await embeddings.embedDocuments(inputs)).length, inputs.length);
});

test("Ollama: one and many", { skip }, async () => {
  const { embeddings } = await new Ollama({ host: pool.url }).embed({ model, input: inputs });
  assert.equal(embeddings.length, inputs.length);
  isClose(await first(), embeddings[0]);
});

test("errors: a model that is not there, one that makes none, and an input that is too long", { skip }, async () => {
  await assert.rejects(openai().embeddings.create({ model: "gpt-9", input: "a" }), OpenAI.NotFoundError);
  await assert.rejects(openai().embeddings.create({ model: "thinker", input: "a" }), OpenAI.APIError);
  await assert.rejects(openai().embeddings.create({ model, input: "a".repeat(3000) }), {
    status: 400,
    code: "context_length_exceeded",
    param: "input",
  });
});
