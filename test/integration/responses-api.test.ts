// OpenAI's Responses API over a real socket, in front of a pool that does what each test says.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type FakeModel, fakeBound, fakeEnding, saying } from "@pomona/coordinator/http/fake-gateway";
import type { OutputDelta } from "@pomona/shared/core/output/output-delta";
import fc from "fast-check";
import OpenAI from "openai";
import { errorOf, post, type ServeOptions, sdk, serve } from "../support/http-front.ts";
import { missingDocument, validatorOf } from "../support/openai-document.ts";

const path = "/v1/responses";
const hello = { model: "tiny", input: "hi" };
const weather = {
  type: "function" as const,
  name: "get_weather",
  description: "Get the current weather for a location",
  parameters: { type: "object", properties: { location: { type: "string" } }, required: ["location"] },
  strict: false,
};
const question = "What's the weather like in San Francisco?";

/** A model that gives a part of its answer with each token. */
function giving(...parts: readonly OutputDelta[]): FakeModel {
  return async function* () {
    yield fakeBound();
    for (const [lastIndex, part] of parts.entries()) yield { kind: "output", deltas: [part], lastIndex, tokens: null };
    yield fakeEnding("stop");
  };
}

const calling = giving(
  { kind: "toolCallBegin", index: 0, name: "get_weather" },
  { kind: "toolCallArguments", index: 0, text: '{"location":' },
  { kind: "toolCallArguments", index: 0, text: '"San Francisco"}' },
  { kind: "toolCallEnd", index: 0, isComplete: true },
);
const thinking = giving({ kind: "reasoning", text: "Let me see." }, { kind: "text", text: "Hello." });
const models = { tiny: saying("Hel", "lo ", "🍎"), calling, thinking };

type Event = { readonly type: string; readonly sequence_number: number; readonly [key: string]: unknown };
type Shown = {
  readonly id: string;
  readonly status: string;
  readonly output: readonly { readonly id: string; readonly type: string; readonly [key: string]: unknown }[];
  readonly [key: string]: unknown;
};

type Page = {
  readonly data: readonly { readonly type: string; readonly phase?: string }[];
  readonly first_id: string;
  readonly last_id: string;
  readonly has_more: boolean;
};

async function inputItems(url: string, { id }: Shown, query: string): Promise<Page> {
  const page = await (await fetch(`${url}${path}/${id}/input_items?${query}`)).json();
  check("ResponseItemList", page);
  // The shape is what was checked.
  return page as Page;
}

/** What OpenAI's document, where it is at hand, has against a value. */
function check(schemaName: string, value: unknown): void {
  if (missingDocument === false) assert.deepEqual(validatorOf(schemaName)(value), []);
}

async function whole(url: string, body: object): Promise<Shown> {
  const answer = await post(`${url}${path}`, body);
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  const response = JSON.parse(text);
  check("Response", response);
  return response;
}

/** The events of a stream, each with the name that it says it has, numbered without a gap. */
async function streamed(url: string, body: object): Promise<{ events: Event[]; last: Shown }> {
  const answer = await post(`${url}${path}`, { ...body, stream: true });
  assert.match(answer.headers.get("content-type") ?? "", /^text\/event-stream/);
  const blocks = (await answer.text()).split("\n\n").filter((block) => block !== "" && !block.startsWith(":"));
  assert.equal(blocks.pop(), "data: [DONE]");
  const events = blocks.map((block, index) => {
    const fields = new Map(block.split("\n").map((line) => [line.split(": ")[0], line.slice(line.indexOf(": ") + 2)]));
    const event: Event = JSON.parse(fields.get("data") ?? "");
    assert.deepEqual([event.type, event.sequence_number], [fields.get("event"), index]);
    check("ResponseStreamEvent", event);
    return event;
  });
  // The shape is what is asserted next.
  return { events, last: events.at(-1)?.["response"] as Shown };
}

async function front(t: TestContext, options: ServeOptions = {}) {
  return await serve(t, { models, ...options });
}

// What follows until the next line of this kind are the cases of the compliance suite of https://www.openresponses.org that
// need neither a WebSocket, compaction nor vision.

/** What `ResponseResource` of Open Responses always has. */
const always = (
  "id object created_at completed_at status incomplete_details model previous_response_id instructions output error tools " +
  "tool_choice truncation parallel_tool_calls text top_p presence_penalty frequency_penalty top_logprobs temperature " +
  "reasoning usage max_output_tokens max_tool_calls store background service_tier metadata safety_identifier prompt_cache_key"
).split(" ");

function assertResource(response: Shown): void {
  for (const field of always) assert.ok(response[field] !== undefined, `${field} is missing`);
  assert.match(response.id, /^resp_[0-9a-f]{32}$/);
  assert.ok(Number.isInteger(response["created_at"]));
  assert.ok(response.output.length > 0);
  for (const { id } of response.output) assert.match(id, /^[a-z]+_[0-9a-f]{36}$/);
}

test("basic response", async (t) => {
  const { url } = await front(t);
  const input = [{ type: "message", role: "user", content: "Say hello in exactly 3 words." }];
  const response = await whole(url, { model: "tiny", input });
  assertResource(response);
  assert.equal(response.status, "completed");
});

test("streaming response", async (t) => {
  const { url } = await front(t);
  const input = [{ type: "message", role: "user", content: "Count from 1 to 5." }];
  const { events, last } = await streamed(url, { model: "tiny", input });
  assertResource(last);
  assert.equal(last.status, "completed");
  assert.deepEqual(
    events.map(({ type }) => type.replace("response.", "")),
    [
      ...["created", "in_progress", "output_item.added", "content_part.added"],
      ...["output_text.delta", "output_text.delta", "output_text.delta"],
      ...["output_text.done", "content_part.done", "output_item.done", "completed"],
    ],
  );
  assert.equal(events.map(({ delta = "" }) => delta).join(""), "Hello 🍎");
});

test("system prompt", async (t) => {
  const { url, gateway } = await front(t);
  const input = [
    { type: "message", role: "system", content: "You are a pirate." },
    { type: "message", role: "user", content: "Say hello." },
  ];
  const response = await whole(url, { model: "tiny", input });
  assertResource(response);
  const asked = gateway.requests[0]?.input;
  assert.ok(asked?.kind === "chat");
  assert.deepEqual(
    asked.messages.map(({ role }) => role),
    ["system", "user"],
  );
});

test("multi-turn", async (t) => {
  const { url, gateway } = await front(t);
  const input = [
    { type: "message", role: "user", content: "My name is Alice." },
    { type: "message", role: "assistant", content: "Hello Alice! Nice to meet you." },
    { type: "message", role: "user", content: "What is my name?" },
  ];
  assertResource(await whole(url, { model: "tiny", input }));
  const asked = gateway.requests[0]?.input;
  assert.ok(asked?.kind === "chat");
  assert.deepEqual(
    asked.messages.map(({ role }) => role),
    ["user", "assistant", "user"],
  );
});

test("tool calling, whole and streamed", async (t) => {
  const { url } = await front(t);
  const asked = { model: "calling", input: [{ type: "message", role: "user", content: question }], tools: [weather] };
  const response = await whole(url, asked);
  assertResource(response);
  const [call] = response.output;
  assert.deepEqual([call?.type, call?.["name"]], ["function_call", "get_weather"]);
  const { events, last } = await streamed(url, asked);
  assert.equal(last.output[0]?.["arguments"], '{"location":"San Francisco"}');
  assert.deepEqual(
    events.slice(2, -1).map(({ type, item }) => [type.replace("response.", ""), typeof item === "object"]),
    [
      ["output_item.added", true],
      ["function_call_arguments.delta", false],
      ["function_call_arguments.delta", false],
      ["function_call_arguments.done", false],
      ["output_item.done", true],
    ],
  );
});

test("assistant message phase", async (t) => {
  const { url } = await front(t);
  const input = [
    { type: "message", role: "assistant", phase: "commentary", content: "I should answer with the saved number." },
    { type: "message", role: "assistant", phase: "final_answer", content: "The number is four." },
    { type: "message", role: "user", content: "Repeat only the number." },
  ];
  const response = await whole(url, { model: "tiny", input });
  assertResource(response);
  const page = await inputItems(url, response, "order=asc");
  assert.deepEqual(
    page.data.map(({ phase }) => phase),
    ["commentary", "final_answer", undefined],
  );
});

test("response output phase", async (t) => {
  const both = giving(
    { kind: "text", text: "I look." },
    { kind: "reasoning", text: "It is four." },
    { kind: "text", text: "Four." },
  );
  const { url } = await front(t, { models: { both } });
  const { output } = await whole(url, { model: "both", input: "hi" });
  assert.deepEqual(
    output.map(({ type, phase }) => [type, phase]),
    [
      ["message", "commentary"],
      ["reasoning", undefined],
      ["message", "final_answer"],
    ],
  );
});

// Here they end.

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

test("what was not to be stored, or was thrown out, is not there", async (t) => {
  const { url } = await front(t, { limits: { storedResponsesMax: 1 } });
  const [kept, passing] = [await whole(url, hello), await whole(url, { ...hello, store: false })];
  const statusOf = async (id: string) => (await fetch(`${url}${path}/${id}`)).status;
  assert.deepEqual([await statusOf(kept.id), await statusOf(passing.id)], [200, 404]);
  const next = await whole(url, hello);
  assert.deepEqual([await statusOf(kept.id), await statusOf(next.id)], [404, 200]);
  const lost = await post(`${url}${path}`, { ...hello, previous_response_id: kept.id });
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
  assert.equal((await post(`${served.url}${path}`, { model: "breaking", input: "hi" })).status, 503);
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
    ["POST", "/compact", 404, null],
    ["GET", `/${id}?stream=true`, 400, "stream"],
    ["GET", `/${id}?starting_after=1`, 400, "starting_after"],
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
    const answer = await fetch(`${url}${path}${below}`, { method });
    const what = `${method} ${below}`;
    assert.equal(answer.status, status, what);
    assert.equal(answer.headers.get("allow") !== null, status === 405, what);
    assert.equal((await errorOf(answer)).param, param, what);
  }
  const headers = { "content-type": "application/json" };
  const deleted = await fetch(`${url}${path}/${id}`, { method: "DELETE", headers });
  assert.deepEqual(await deleted.json(), { id, object: "response", deleted: true });
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
      const answer = await post(`${url}${path}`, text);
      const body = await answer.text();
      assert.ok(answer.status < 500, `${answer.status} ${body}`);
      if (answer.status >= 400) assert.equal(typeof JSON.parse(body).error.message, "string");
      else if (body.startsWith("{")) check("Response", JSON.parse(body));
    }),
    { numRuns: 200 },
  );
});
