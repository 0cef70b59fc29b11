// /v1/embeddings and /v1/rerank over a real socket, in front of a pool that does what each test says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeNodeId, fakeVector } from "@pomona/coordinator/http/fake-gateway";
import { errorOf, post, sdk, serve } from "../support/http-front.ts";

const embeddings = "/v1/embeddings";
const rerank = "/v1/rerank";

test("the OpenAI SDK gets embeddings as floats and as base64, the same ones", async (t) => {
  const served = await serve(t);
  const input = ["a", "three"];
  const { data: floats, response } = await sdk(served)
    .embeddings.create({ model: "tiny", input, encoding_format: "float" })
    .withResponse();
  assert.deepEqual(floats, {
    object: "list",
    data: [1, 5].map((length, index) => ({ object: "embedding", index, embedding: [...fakeVector(length)] })),
    model: "tiny",
    usage: { prompt_tokens: 6, total_tokens: 6 },
  });
  assert.equal(response.headers.get("x-pomona-node"), fakeNodeId);
  assert.equal(response.headers.get("x-pomona-queue-ms"), "12");
  assert.match(response.headers.get("x-request-id") ?? "", /^[0-9a-f]{32}$/);
  // Without a format the SDK asks for base64, and decodes it.
  const decoded = await sdk(served).embeddings.create({ model: "tiny", input });
  assert.deepEqual(decoded.data, floats.data);
  const raw = await post(`${served.url}${embeddings}`, { model: "tiny", input: "a", encoding_format: "base64" });
  const [first] = ((await raw.json()) as { data: { embedding: string }[] }).data;
  assert.equal(Buffer.from(first?.embedding ?? "", "base64").readFloatLE(0), fakeVector(1)[0]);
});

test("an input is a text, tokens, or a list of either", async (t) => {
  const { url, gateway } = await serve(t);
  for (const input of ["a", [1, 2], ["a", "b"], [[1], [2, 3]], ["a", [1]]])
    assert.equal((await post(`${url}${embeddings}`, { model: "tiny", input, user: "me" })).status, 200);
  const text = (value: string) => ({ kind: "text", text: value });
  const tokens = (...tokenIds: readonly number[]) => ({ kind: "tokens", tokenIds });
  assert.deepEqual(
    gateway.embedRequests.map(({ inputs }) => inputs),
    [[text("a")], [tokens(1, 2)], [text("a"), text("b")], [tokens(1), tokens(2, 3)], [text("a"), tokens(1)]],
  );
});

test("dimensions cut the vectors, which are of length 1 again", async (t) => {
  const served = await serve(t);
  const { data } = await sdk(served).embeddings.create({ model: "tiny", input: "abc", dimensions: 1 });
  assert.deepEqual(data[0]?.embedding, [1]);
});

const badEmbeddings: readonly (readonly [body: object, param: string, reason: RegExp])[] = [
  [{ model: "tiny" }, "input", /is missing/],
  [{ input: "a" }, "model", /is missing/],
  [{ model: "tiny", input: "" }, "input", /must not be empty/],
  [{ model: "tiny", input: [] }, "input", /must not be empty/],
  [{ model: "tiny", input: ["a", ""] }, "input[1]", /must not be empty/],
  [{ model: "tiny", input: ["a", 5] }, "input[1]", /expected string/],
  [{ model: "tiny", input: [1, -1] }, "input[1]", /wrong/],
  [{ model: "tiny", input: [[1], []] }, "input[1]", /must not be empty/],
  [{ model: "tiny", input: { text: "a" } }, "input", /must be a string/],
  [{ model: "tiny", input: Array.from({ length: 2049 }, () => "a") }, "input", /at most 2048 inputs, not 2049/],
  [{ model: "tiny", input: "a", encoding_format: "int8" }, "encoding_format", /float/],
  [{ model: "tiny", input: "a", dimensions: 0 }, "dimensions", />=1/],
  [{ model: "tiny", input: "a", dimensions: 5 }, "dimensions", /5: the model's embeddings have 4/],
  [{ model: "tiny", input: "a", input_type: "query" }, "input_type", /not a field/],
];

test("what is wrong with a request for embeddings is told by field", async (t) => {
  const { url } = await serve(t);
  for (const [body, param, reason] of badEmbeddings) {
    const response = await post(`${url}${embeddings}`, body);
    const error = await errorOf(response);
    assert.deepEqual([response.status, error.param, error.code], [400, param, "invalid_request"], JSON.stringify(body));
    assert.match(error.message, reason);
  }
});

test("an input that is too long is context_length_exceeded, an unknown model 404", async (t) => {
  const { url } = await serve(t);
  const long = { model: "tiny", input: ["a", "x".repeat(1001)] };
  const response = await post(`${url}${embeddings}`, long);
  const error = await errorOf(response);
  assert.deepEqual([response.status, error.code, error.param], [400, "context_length_exceeded", "input[1]"]);
  assert.match(error.message, /1000.*1001/);
  const unknown = await post(`${url}${embeddings}`, { model: "gpt", input: "a" });
  assert.deepEqual([unknown.status, (await errorOf(unknown)).code], [404, "model_not_found"]);
  assert.equal((await fetch(`${url}${embeddings}`)).status, 405);
});

test("documents are ranked, the most relevant first, with what they say", async (t) => {
  const { url } = await serve(t);
  const body = { model: "tiny", query: "q", documents: ["a", { text: "long" }, "mid"] };
  const response = await post(`${url}${rerank}`, body);
  const answer = await response.json();
  const result = (index: number, text: string) => ({ index, document: { text }, relevance_score: text.length / 1000 });
  assert.deepEqual(answer, {
    id: `rerank-${response.headers.get("x-request-id")}`,
    model: "tiny",
    object: "list",
    usage: { prompt_tokens: 21, total_tokens: 21 },
    results: [result(1, "long"), result(2, "mid"), result(0, "a")],
  });
  const short = await post(`${url}${rerank}`, { ...body, top_n: 1, return_documents: false });
  const { results } = (await short.json()) as { results: unknown };
  assert.deepEqual(results, [{ index: 1, relevance_score: 0.004 }]);
  assert.equal(short.headers.get("x-pomona-node"), fakeNodeId);
});

const badRerank: readonly (readonly [body: object, param: string, reason: RegExp])[] = [
  [{ model: "tiny", documents: ["a"] }, "query", /is missing/],
  [{ model: "tiny", query: "", documents: ["a"] }, "query", /must not be empty/],
  [{ model: "tiny", query: { text: "q" }, documents: ["a"] }, "query", /expected string/],
  [{ model: "tiny", query: "q" }, "documents", /is missing/],
  [{ model: "tiny", query: "q", documents: [] }, "documents", /must not be empty/],
  [{ model: "tiny", query: "q", documents: "a" }, "documents", /must be a list/],
  [{ model: "tiny", query: "q", documents: ["a", 1] }, "documents[1]", /must be a string/],
  [{ model: "tiny", query: "q", documents: [{ text: 1 }] }, "documents[0].text", /expected string/],
  [{ model: "tiny", query: "q", documents: [{ title: "t", text: "a" }] }, "documents[0].title", /not a field/],
  [{ model: "tiny", query: "q", documents: Array.from({ length: 2049 }, () => "a") }, "documents", /at most 2048/],
  [{ model: "tiny", query: "q", documents: ["a"], top_n: 0 }, "top_n", />=1/],
  [{ model: "tiny", query: "q", documents: ["a"], truncation: true }, "truncation", /not supported/],
];

test("what is wrong with a request for ranking is told by field", async (t) => {
  const { url } = await serve(t);
  for (const [body, param, reason] of badRerank) {
    const response = await post(`${url}${rerank}`, body);
    const error = await errorOf(response);
    assert.deepEqual([response.status, error.param, error.code], [400, param, "invalid_request"], JSON.stringify(body));
    assert.match(error.message, reason);
  }
});
