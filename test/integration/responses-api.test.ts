// OpenAI's Responses API over a real socket, in front of a pool that does what each test says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type FakeModel, fakeBound, fakeEnding } from "@pomona/coordinator/http/fake-gateway";
import fc from "fast-check";
import OpenAI from "openai";
import { ask, errorOf, post, sdk } from "../support/http-front.ts";
import {
  check,
  front,
  hello,
  inputItems,
  question,
  responsesPath,
  streamed,
  weather,
  whole,
} from "../support/responses-front.ts";

test("the OpenAI SDK gets a response, finds it again, lists its input and deletes it", async (t) => {
  const served = await front(t);
  const { responses } = sdk(served);
  const made = await responses.create({ ...hello, instructions: "Be brief.", metadata: { a: "b" } });
  assert.equal(made.output_text, "Hello 🍎");
  const found = await responses.retrieve(made.id);
  assert.deepEqual([found.id, found.output_text, found.metadata], [made.id, "Hello 🍎", { a: "b" }]);
  const items = (await responses.inputItems.list(made.id)).data;
  assert.equal(items.length, 1);
  await assert.rejects(responses.cancel(made.id), OpenAI.BadRequestError);
  await responses.delete(made.id);
  await assert.rejects(responses.retrieve(made.id), OpenAI.NotFoundError);
  await assert.rejects(responses.delete(made.id), OpenAI.NotFoundError);
});

test("the OpenAI SDK streams thoughts and text, and puts them together", async (t) => {
  const served = await front(t);
  const stream = sdk(served).responses.stream({ model: "thinking", input: "hi" });
  const types: string[] = [];
  for await (const { type } of stream) types.push(type);
  assert.ok(types.includes("response.reasoning_text.delta"));
  const { output, output_text, usage } = await stream.finalResponse();
  assert.deepEqual([output[0]?.type, output_text], ["reasoning", "Hello."]);
  assert.equal(usage?.output_tokens_details.reasoning_tokens, 1);
  await streamed(served.url, { model: "thinking", input: "hi", include: ["reasoning.encrypted_content"] });
  const summed = { model: "thinking", input: "hi", reasoning: { summary: "auto" } };
  await whole(served.url, summed);
  const { events } = await streamed(served.url, summed);
  assert.equal(events.filter(({ type }) => type === "response.reasoning_summary_text.delta").length, 1);
});

test("a response that repeats all that can be asked for is still one by OpenAI's document", async (t) => {
  const { url } = await front(t);
  const schema = {
    type: "object",
    properties: { a: { type: "string" } },
    required: ["a"],
    additionalProperties: false,
  };
  const asked = {
    ...hello,
    instructions: "Be brief.",
    tools: [weather],
    parallel_tool_calls: false,
    max_tool_calls: 2,
    max_output_tokens: 16,
    text: { format: { type: "json_schema", name: "n", schema } },
    reasoning: { effort: "low", summary: "auto" },
    include: ["message.output_text.logprobs", "reasoning.encrypted_content"],
    top_logprobs: 2,
    metadata: { a: "b" },
    user: "u",
    safety_identifier: "s",
    prompt_cache_key: "k",
    prompt_cache_retention: "24h",
    service_tier: "auto",
  };
  const one = { type: "function", name: weather.name };
  for (const choice of ["auto", "none", "required", one, { type: "allowed_tools", mode: "auto", tools: [one] }]) {
    const response = await whole(url, { ...asked, tool_choice: choice });
    assert.deepEqual(response["tool_choice"], choice);
    await streamed(url, { ...asked, tool_choice: choice });
  }
  for (const format of [{ type: "text" }, { type: "json_object" }]) {
    const { text } = await whole(url, { ...hello, text: { format } });
    assert.deepEqual(text, { format, verbosity: "medium" });
  }
});

test("a conversation goes on from a streamed response, and through a tool", async (t) => {
  const { url, gateway } = await front(t);
  const { last } = await streamed(url, { model: "calling", input: question, tools: [weather] });
  const output = { type: "function_call_output", call_id: last.output[0]?.["call_id"], output: "18 degrees" };
  const next = await whole(url, { model: "tiny", previous_response_id: last.id, input: [output] });
  assert.equal(next["previous_response_id"], last.id);
  const asked = gateway.requests[1]?.input;
  assert.ok(asked?.kind === "chat");
  assert.deepEqual(
    asked.messages.map(({ role, content }) => [role, content]),
    [
      ["user", question],
      ["assistant", ""],
      ["tool", "18 degrees"],
    ],
  );
  const page = await inputItems(url, next, "limit=2");
  const types = page.data.map(({ type }) => type);
  assert.deepEqual([types, page.has_more], [["function_call_output", "function_call"], true]);
  const rest = await inputItems(url, next, `after=${page.last_id}`);
  assert.deepEqual([rest.data.length, rest.has_more, rest.first_id], [1, false, rest.last_id]);
  const referred = [
    { type: "item_reference", id: next.output[0]?.id },
    { role: "user", content: "and now?" },
  ];
  await whole(url, { model: "tiny", input: referred });
  const last3 = gateway.requests[2]?.input;
  assert.ok(last3?.kind === "chat");
  assert.equal(last3.messages[0]?.content, "Hello 🍎");
});

test("the tokens of a request are counted, of its conversation as well", async (t) => {
  const served = await front(t);
  const { responses } = sdk(served);
  const counted = await responses.inputTokens.count(hello);
  check("TokenCountsResource", counted);
  assert.deepEqual(counted, { object: "response.input_tokens", input_tokens: 2 });
  const { id } = await whole(served.url, hello);
  const more = await responses.inputTokens.count({ ...hello, previous_response_id: id });
  assert.equal(more.input_tokens, 2 + "Hello 🍎".length + 2);
});

test("what was not to be stored, or was thrown out, is not there", async (t) => {
  const { url } = await front(t, { limits: { storedResponsesMax: 1 } });
  const [kept, passing] = [await whole(url, hello), await whole(url, { ...hello, store: false })];
  const statusOf = async (id: string) => (await fetch(`${url}${responsesPath}/${id}`)).status;
  assert.deepEqual([await statusOf(kept.id), await statusOf(passing.id)], [200, 404]);
  const next = await whole(url, hello);
  assert.deepEqual([await statusOf(kept.id), await statusOf(next.id)], [404, 200]);
  const lost = await post(`${url}${responsesPath}`, { ...hello, previous_response_id: kept.id });
  const { code, param } = await errorOf(lost);
  assert.deepEqual([lost.status, code, param], [400, "previous_response_not_found", "previous_response_id"]);
});

test("an answer that breaks off is told as an error and a failed response, and the SDK throws", async (t) => {
  const breaking: FakeModel = async function* () {
    yield fakeBound();
    yield { kind: "output", deltas: [{ kind: "text", text: "Hel" }], lastIndex: 0, tokens: null };
    yield fakeEnding("failed", { code: "node_lost", message: "the node is gone", isRetryable: true });
  };
  const served = await front(t, { models: { breaking } });
  const { events, last } = await streamed(served.url, { model: "breaking", input: "hi" });
  assert.deepEqual(
    events.slice(-2).map(({ type, code }) => [type, code]),
    [
      ["error", "node_lost"],
      ["response.failed", undefined],
    ],
  );
  assert.deepEqual(last["error"], { code: "server_error", message: "the node is gone" });
  const stream = await sdk(served).responses.create({ model: "breaking", input: "hi", stream: true });
  await assert.rejects(async () => {
    for await (const event of stream) assert.ok(event);
  }, OpenAI.APIError);
  assert.equal((await post(`${served.url}${responsesPath}`, { model: "breaking", input: "hi" })).status, 503);
});

test("an answer of a given length is incomplete", async (t) => {
  const cut: FakeModel = async function* () {
    yield fakeBound();
    yield { kind: "output", deltas: [{ kind: "text", text: "Hel" }], lastIndex: 0, tokens: null };
    yield fakeEnding("length");
  };
  const { url } = await front(t, { models: { cut } });
  const { events, last } = await streamed(url, { model: "cut", input: "hi", max_output_tokens: 16 });
  assert.deepEqual(
    [events.at(-1)?.type, last.status, last["incomplete_details"]],
    ["response.incomplete", "incomplete", { reason: "max_output_tokens" }],
  );
});

test("paths below a response take what they take, and nothing else", async (t) => {
  const { url } = await front(t);
  const { id } = await whole(url, hello);
  const table: readonly (readonly [method: string, path: string, status: number, param: string | null])[] = [
    ["GET", "", 405, null],
    ["PUT", `/${id}`, 405, null],
    ["GET", "/resp_1", 404, null],
    ["GET", "/nothing", 404, null],
    ["POST", "/compact", 400, null],
    ["PUT", "/input_tokens", 405, null],
    ["GET", `/${id}?stream=true`, 400, "stream"],
    ["GET", `/${id}?starting_after=1`, 400, "starting_after"],
    ["GET", `/${id}?include_obfuscation=1`, 400, "include_obfuscation"],
    ["GET", `/${id}?include=message.output_text.logprobs`, 400, "include"],
    ["GET", `/${id}/input_items?limit=0`, 400, "limit"],
    ["GET", `/${id}/input_items?limit=many`, 400, "limit"],
    ["GET", `/${id}/input_items?order=up`, 400, "order"],
    ["GET", `/${id}/input_items?after=msg_1`, 400, "after"],
    ["GET", "/resp_1/input_items", 404, null],
    ["POST", "/resp_1/cancel", 404, null],
    ["POST", `/${id}/cancel`, 400, null],
    ["GET", `/${id}/cancel`, 405, null],
    ["DELETE", `/${id}/input_items`, 405, null],
    ["DELETE", "/resp_1", 404, null],
  ];
  for (const [method, below, status, param] of table) {
    const answer = await fetch(`${url}${responsesPath}${below}`, { method });
    const what = `${method} ${below}`;
    assert.equal(answer.status, status, what);
    assert.equal(answer.headers.get("allow") !== null, status === 405, what);
    assert.equal((await errorOf(answer)).param, param, what);
  }
  const head = await fetch(`${url}${responsesPath}`, { method: "HEAD" });
  assert.deepEqual([head.status, head.headers.get("allow")], [405, "POST"]);
  const plain = await fetch(`${url}${responsesPath}/${id}?stream=false&include_obfuscation=true`);
  assert.equal(plain.status, 200);
  const headers = { "content-type": "application/json" };
  const deleted = await fetch(`${url}${responsesPath}/${id}`, { method: "DELETE", headers });
  assert.deepEqual(await deleted.json(), { id, object: "response", deleted: true });
});

test("a WebSocket is refused in words", async (t) => {
  const { port } = await front(t);
  const headers = { host: "localhost", connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" };
  const refused = await ask(port, { path: responsesPath, headers });
  const { error } = JSON.parse(Buffer.concat(await refused.toArray()).toString());
  assert.deepEqual([refused.statusCode, error.code, error.param], [400, "invalid_request", "upgrade"]);
  assert.match(error.message, /POST with stream: true/);
});

test("200 mutated bodies get no 5xx, and what is answered is a response", async (t) => {
  const { url } = await front(t);
  const base: Record<string, unknown> = {
    ...hello,
    input: [{ role: "user", content: [{ type: "input_text", text: "hi" }] }],
    tools: [weather],
    text: { format: { type: "text" } },
    include: [],
  };
  const fields = [...Object.keys(base), "tool_choice", "reasoning", "metadata", "stream", "previous_response_id"];
  const mutated = fc
    .tuple(fc.constantFrom(...fields), fc.jsonValue())
    .map(([field, value]) => JSON.stringify({ ...base, [field]: value }));
  const item = fc
    .tuple(fc.constantFrom("type", "role", "content", "call_id", "summary", "output", "id"), fc.jsonValue())
    .map(([field, value]) => JSON.stringify({ ...base, input: [{ role: "user", content: "hi", [field]: value }] }));
  await fc.assert(
    fc.asyncProperty(fc.oneof(mutated, item), async (text) => {
      const answer = await post(`${url}${responsesPath}`, text);
      const body = await answer.text();
      assert.ok(answer.status < 500, `${answer.status} ${body}`);
      if (answer.status >= 400) assert.equal(typeof JSON.parse(body).error.message, "string");
      else if (body.startsWith("{")) check("Response", JSON.parse(body));
    }),
    { numRuns: 200 },
  );
});
