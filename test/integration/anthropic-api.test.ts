// Anthropic's API over a real socket, in front of a pool that does what each test says.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type FakeModel,
  fakeBound,
  fakeEnding,
  fakeNodeId,
  fakeText,
  saying,
} from "@pomona/coordinator/http/fake-gateway";
import { PomonaError } from "@pomona/shared/core/errors";
import type { OutputDelta } from "@pomona/shared/core/output/output-delta";
import { post, serve } from "../support/http-front.ts";

const path = "/v1/messages";
const hello = { model: "tiny", max_tokens: 100, messages: [{ role: "user", content: "hi" }] };
const tools = [{ name: "get_weather", input_schema: { type: "object" } }];

/** Thinks, talks and calls, in one event where it can. */
const agent: FakeModel = async function* () {
  const event = (lastIndex: number, ...deltas: readonly OutputDelta[]) =>
    ({ kind: "output", deltas, lastIndex, tokens: null }) as const;
  yield fakeBound();
  yield event(0, { kind: "reasoning", text: "Look " });
  yield event(1, { kind: "reasoning", text: "it up." }, { kind: "text", text: "Let me see." });
  yield event(2, { kind: "toolCallBegin", index: 0, name: "get_weather" });
  yield event(3, { kind: "toolCallArguments", index: 0, text: '{"city": ' });
  yield event(
    4,
    { kind: "toolCallArguments", index: 0, text: '"Oslo"}' },
    { kind: "toolCallEnd", index: 0, isComplete: true },
  );
  yield event(
    5,
    { kind: "toolCallBegin", index: 1, name: "get_weather" },
    { kind: "toolCallArguments", index: 1, text: "{}" },
    { kind: "toolCallEnd", index: 1, isComplete: true },
  );
  yield fakeEnding("stop");
};

const usage = {
  input_tokens: 4,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 3,
  output_tokens: 5,
  output_tokens_details: { thinking_tokens: 0 },
  server_tool_use: null,
};

test("a whole message has every field of the API, nulls included", async (t) => {
  const { url } = await serve(t);
  const response = await post(`${url}${path}`, hello, {
    headers: { "content-type": "application/json", "anthropic-version": "2023-06-01", "x-api-key": "none" },
  });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("x-pomona-node"), fakeNodeId);
  const id = response.headers.get("request-id");
  assert.equal(id, response.headers.get("x-request-id"));
  assert.deepEqual(await response.json(), {
    id: `msg_${id}`,
    type: "message",
    role: "assistant",
    model: "tiny",
    content: [{ type: "text", text: "Hello 🍎", citations: [] }],
    stop_reason: "end_turn",
    stop_sequence: null,
    stop_details: null,
    container: null,
    diagnostics: null,
    usage: { cache_creation: null, inference_geo: null, service_tier: "standard", speed: "standard", ...usage },
  });
});

test("thoughts, text and calls are blocks in the order in which they came", async (t) => {
  const { url } = await serve(t, { models: { tiny: agent } });
  const response = await post(`${url}${path}`, { ...hello, tools });
  const { content, stop_reason } = (await response.json()) as { content: object[]; stop_reason: string };
  const requestId = response.headers.get("request-id") ?? "";
  const callOf = (index: number, input: object) => ({
    type: "tool_use",
    id: `toolu_${requestId.slice(0, 21)}00${index}`,
    name: "get_weather",
    input,
    caller: { type: "direct" },
  });
  assert.equal(stop_reason, "tool_use");
  assert.deepEqual(content, [
    { type: "thinking", thinking: "Look it up.", signature: Buffer.from(`pomona:${requestId}`).toString("base64") },
    { type: "text", text: "Let me see.", citations: [] },
    callOf(0, { city: "Oslo" }),
    callOf(1, {}),
  ]);
});

type StopFields = { readonly stop_reason: string; readonly stop_sequence: string | null };
type StreamEvent = {
  readonly type: string;
  readonly message?: object;
  readonly delta?: Partial<StopFields> & { readonly type?: string };
};

/** Events of a stream; each is named by its type. */
async function eventsOf(response: Response): Promise<StreamEvent[]> {
  const blocks = (await response.text()).split("\n\n").filter((block) => block !== "" && !block.startsWith(":"));
  return blocks.map((block) => {
    const data: StreamEvent = JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? "null");
    assert.equal(/^event: (.*)$/m.exec(block)?.[1], data.type, block);
    return data;
  });
}

test("a stream opens and closes one block after the other, each delta in its block", async (t) => {
  const { url } = await serve(t, { models: { tiny: agent } });
  const response = await post(`${url}${path}`, { ...hello, tools, stream: true });
  assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
  const requestId = response.headers.get("request-id") ?? "";
  const [start, ping, ...events] = await eventsOf(response);
  assert.deepEqual(start?.message, {
    id: `msg_${requestId}`,
    type: "message",
    role: "assistant",
    model: "tiny",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    container: null,
    diagnostics: null,
    usage: {
      cache_creation: null,
      inference_geo: null,
      service_tier: "standard",
      speed: "standard",
      ...{ ...usage, input_tokens: 7, cache_read_input_tokens: 0, output_tokens: 0 },
    },
  });
  assert.deepEqual(ping, { type: "ping" });
  const signature = Buffer.from(`pomona:${requestId}`).toString("base64");
  const begin = (index: number, content_block: object) => ({ type: "content_block_start", index, content_block });
  const delta = (index: number, delta: object) => ({ type: "content_block_delta", index, delta });
  const stop = (index: number) => ({ type: "content_block_stop", index });
  const call = (index: number) => ({
    type: "tool_use",
    id: `toolu_${requestId.slice(0, 21)}00${index}`,
    name: "get_weather",
    input: {},
    caller: { type: "direct" },
  });
  assert.deepEqual(events, [
    begin(0, { type: "thinking", thinking: "", signature: "" }),
    delta(0, { type: "thinking_delta", thinking: "Look " }),
    delta(0, { type: "thinking_delta", thinking: "it up." }),
    delta(0, { type: "signature_delta", signature }),
    stop(0),
    begin(1, { type: "text", text: "", citations: [] }),
    delta(1, { type: "text_delta", text: "Let me see." }),
    stop(1),
    begin(2, call(0)),
    delta(2, { type: "input_json_delta", partial_json: '{"city": ' }),
    delta(2, { type: "input_json_delta", partial_json: '"Oslo"}' }),
    stop(2),
    begin(3, call(1)),
    delta(3, { type: "input_json_delta", partial_json: "{}" }),
    stop(3),
    {
      type: "message_delta",
      delta: { stop_reason: "tool_use", stop_sequence: null, stop_details: null, container: null },
      // Of the two tokens with thoughts the second became text as well.
      usage: { ...usage, output_tokens_details: { thinking_tokens: 1 } },
    },
    { type: "message_stop" },
  ]);
});

test("whoever comes back after any event gets those after it, none twice and none left out", async (t) => {
  const { url, gateway } = await serve(t, { models: { tiny: agent } });
  const requestId = "ab".repeat(16);
  gateway.attach = () => ({
    requestId,
    events: agent(gateway.requests[0] ?? assert.fail(), new AbortController().signal),
  });
  const asked = { ...hello, tools, stream: true };
  assert.equal((await post(`${url}${path}`, asked)).status, 200);
  const blocksAfter = async (lastEventId: string) => {
    const headers = { "content-type": "application/json", "last-event-id": lastEventId };
    const text = await (await post(`${url}${path}`, asked, { headers })).text();
    return text.split("\n\n").filter((block) => block !== "" && !block.startsWith(":"));
  };
  const all = await blocksAfter(requestId);
  const idOf = (block: string | undefined): string => /^id: (.*)$/m.exec(block ?? "")?.[1] ?? "";
  const named = all.filter((block) => idOf(block) !== "");
  assert.equal(named.length, all.length, "all have an id");
  assert.equal(new Set(named.map(idOf)).size, named.length - 1, "the two frames of the beginning share one");
  for (const [index, block] of named.entries())
    if (index > 0) assert.deepEqual(await blocksAfter(idOf(block)), all.slice(index + 1), idOf(block));
});

test("thoughts that are not to be shown leave their signature", async (t) => {
  const { url } = await serve(t, { models: { tiny: agent } });
  for (const thinking of [
    { type: "enabled", budget_tokens: 1024, display: "omitted" },
    { type: "adaptive", display: "updates" },
  ]) {
    const hidden = { ...hello, max_tokens: 2000, thinking };
    const whole = (await (await post(`${url}${path}`, hidden)).json()) as { content: { thinking?: string }[] };
    assert.equal(whole.content[0]?.thinking, "");
    const events = await eventsOf(await post(`${url}${path}`, { ...hidden, stream: true }));
    const deltas = events.map(({ delta }) => delta?.type);
    assert.ok(!deltas.includes("thinking_delta") && deltas.includes("signature_delta"));
  }
});

test("the reason of the end is the API's: the stop sequence and which, the limit, or the context", async (t) => {
  const ending = (...of: Parameters<typeof fakeEnding>): FakeModel =>
    async function* () {
      yield fakeBound();
      yield fakeText("a", 0);
      yield fakeEnding(...of);
    };
  const models = {
    stopped: ending("stop", null, "END"),
    templated: ending("stop", null, "<|end|>"),
    long: ending("length"),
    empty: async function* () {
      yield fakeBound();
      yield fakeEnding("stop");
    },
  } satisfies Record<string, FakeModel>;
  const { url } = await serve(t, { models });
  const asked = { ...hello, stop_sequences: ["STOP", "END"] };
  const table = [
    [{ ...asked, model: "stopped" }, "stop_sequence", "END"],
    [{ ...asked, model: "templated" }, "end_turn", null],
    [{ ...asked, model: "long", max_tokens: 5 }, "max_tokens", null],
    [{ ...asked, model: "long", max_tokens: 6 }, "model_context_window_exceeded", null],
    [{ ...asked, model: "empty" }, "end_turn", null],
  ] as const;
  for (const [body, reason, sequence] of table) {
    const whole = (await (await post(`${url}${path}`, body)).json()) as StopFields & { content: object[] };
    assert.deepEqual([whole.stop_reason, whole.stop_sequence, whole.content.length], [reason, sequence, 1]);
    const events = await eventsOf(await post(`${url}${path}`, { ...body, stream: true }));
    const stop = events.at(-2)?.delta;
    assert.deepEqual([stop?.stop_reason, stop?.stop_sequence], [reason, sequence]);
    assert.equal(events.filter(({ type }) => type === "content_block_start").length, 1);
  }
});

test("no tokens at all ask that the prompt be read: nothing of an answer is told", async (t) => {
  const { url, gateway } = await serve(t, { models: { tiny: agent } });
  const nothing = { ...hello, tools, max_tokens: 0 };
  type Whole = StopFields & { content: object[]; usage: { output_tokens: number } };
  const whole = (await (await post(`${url}${path}`, nothing)).json()) as Whole;
  assert.deepEqual([whole.content, whole.stop_reason, whole.usage.output_tokens], [[], "max_tokens", 0]);
  const events = await eventsOf(await post(`${url}${path}`, { ...nothing, stream: true }));
  const types = events.map(({ type }) => type);
  assert.deepEqual(types, ["message_start", "ping", "message_delta", "message_stop"]);
  assert.equal(events.at(-2)?.delta?.stop_reason, "max_tokens");
  assert.deepEqual(
    gateway.requests.map(({ maxTokens }) => maxTokens),
    [1, 1],
  );
});

type ErrorAnswer = {
  type: string;
  error: { type: string; message: string; details: { error_code: string } };
  request_id: string;
};

async function refusalOf(response: Response): Promise<readonly [status: number, type: string]> {
  const body = (await response.json()) as ErrorAnswer;
  assert.deepEqual(Object.keys(body).sort(), ["error", "request_id", "type"]);
  assert.deepEqual(Object.keys(body.error).sort(), ["details", "message", "type"]);
  assert.match(body.error.details.error_code, /^[a-z_]+$/);
  assert.equal(body.type, "error");
  assert.equal(body.request_id, response.headers.get("request-id"));
  return [response.status, body.error.type];
}

test("every refusal has the API's shape, type and status", async (t) => {
  const refusing =
    (...of: ConstructorParameters<typeof PomonaError>): FakeModel =>
    () => {
      throw new PomonaError(...of);
    };
  const { url } = await serve(t, {
    limits: { bodyBytesMax: 10_000 },
    models: {
      tiny: saying("a"),
      full: refusing("queue_full", "the queue is full"),
      cold: refusing("model_not_ready", "it is loading", { retryAfterMs: 4200 }),
      broken: refusing("model_failed", "no node can load it"),
    },
  });
  const json = { "content-type": "application/json" };
  const of = (body: unknown, headers: Record<string, string> = json): RequestInit => ({
    method: "POST",
    headers,
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const invalid = "invalid_request_error";
  const count = "/v1/messages/count_tokens";
  const table: readonly (readonly [path: string, init: RequestInit, status: number, type: string])[] = [
    [path, {}, 405, invalid],
    [count, { method: "DELETE" }, 405, invalid],
    ["/v1/messages/batches", of({}), 404, "not_found_error"],
    ["/v1/messages/%zz", {}, 400, invalid],
    [path, of(hello, { "content-type": "text/plain" }), 415, invalid],
    [path, of(hello, { ...json, "content-encoding": "gzip" }), 415, invalid],
    [path, of(`"${"a".repeat(10_000)}"`), 413, "request_too_large"],
    [path, of(""), 400, invalid],
    [path, of('{"model": tiny}'), 400, invalid],
    [path, of("{}"), 400, invalid],
    [path, of({ ...hello, max_tokens: "1" }), 400, invalid],
    [path, of({ ...hello, model: "gpt" }), 404, "not_found_error"],
    [path, of({ ...hello, messages: [{ role: "user", content: "a".repeat(1001) }] }), 400, invalid],
    [path, of(hello, { ...json, origin: "https://evil.example" }), 403, "permission_error"],
    [path, of({ ...hello, model: "full" }), 429, "rate_limit_error"],
    [path, of({ ...hello, model: "cold" }), 529, "overloaded_error"],
    [path, of({ ...hello, model: "cold", stream: true }), 529, "overloaded_error"],
    [path, of({ ...hello, model: "broken" }), 503, "api_error"],
    [count, of({ ...hello, max_tokens: 1 }), 400, invalid],
    ["/v1/models/none", { headers: { "anthropic-version": "2023-06-01" } }, 404, "not_found_error"],
    ["/v1/models?limit=0", { headers: { "anthropic-version": "2023-06-01" } }, 400, invalid],
    ["/v1/files", { headers: { "anthropic-version": "2023-06-01" } }, 404, "not_found_error"],
    ["/v1/models?lifecycle=gone", { headers: { "anthropic-version": "2023-06-01" } }, 400, invalid],
    ["/v1/models?after_id=none", { headers: { "anthropic-version": "2023-06-01" } }, 400, invalid],
  ];
  for (const [where, init, status, type] of table) {
    const response = await fetch(`${url}${where}`, init);
    const what = `${init.method ?? "GET"} ${where} ${String(init.body).slice(0, 60)}`;
    assert.deepEqual(await refusalOf(response), [status, type], what);
    assert.equal(response.headers.get("allow") !== null, status === 405, what);
    assert.equal(response.headers.get("x-should-retry"), status === 503 ? "false" : null, what);
    if (status === 429 || status === 529) assert.match(response.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
  }
});

test("a prompt that does not fit is told by the words that agents look for, with both numbers", async (t) => {
  const { url } = await serve(t);
  const long = { ...hello, messages: [{ role: "user", content: "a".repeat(1001) }] };
  const { error } = (await (await post(`${url}${path}`, long)).json()) as ErrorAnswer;
  assert.equal(error.message, "prompt is too long: 1001 tokens > 1000 maximum");
});

test("whoever would continue a thread is told to send the conversation, by the API's own code", async (t) => {
  const { url } = await serve(t);
  const thread = { type: "continue", previous_message_id: "msg_1" };
  const response = await post(`${url}${path}`, { ...hello, thread });
  const { error } = (await response.json()) as ErrorAnswer;
  assert.deepEqual(
    [response.status, error.type, error.details.error_code],
    [404, "not_found_error", "thread_not_found"],
  );
  assert.equal((await post(`${url}${path}`, { ...hello, thread: { type: "create" } })).status, 200);
});

test("a stream that fails in the middle ends in one error event", async (t) => {
  const crashed: FakeModel = async function* () {
    yield fakeBound();
    yield fakeText("a", 0);
    yield fakeEnding("failed", { code: "engine_crashed", message: "the engine crashed twice", isRetryable: true });
  };
  const { url } = await serve(t, { models: { tiny: crashed } });
  const response = await post(`${url}${path}`, { ...hello, stream: true });
  const events = await eventsOf(response);
  assert.deepEqual(events.at(-1), {
    type: "error",
    error: { type: "api_error", message: "the engine crashed twice", details: { error_code: "engine_crashed" } },
    request_id: response.headers.get("request-id"),
  });
  assert.ok(!events.some(({ type }) => type === "message_stop"));
});

test("tokens are counted without an answer", async (t) => {
  const { url, gateway } = await serve(t);
  const { max_tokens: _, ...counted } = hello;
  const response = await post(`${url}/v1/messages/count_tokens`, counted);
  assert.deepEqual([response.status, await response.json()], [200, { input_tokens: 2 }]);
  assert.equal(gateway.requests.length, 0);
});
