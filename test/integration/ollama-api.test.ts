// Ollama's API over a real socket, in front of a pool that does what each test says.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type FakeModel,
  fakeBound,
  fakeEnding,
  fakeNodeId,
  fakeText,
  fakeVector,
  saying,
} from "@pomona/coordinator/http/fake-gateway";
import { carryConversation } from "@pomona/coordinator/http/ollama/carried-conversation";
import { PomonaError } from "@pomona/shared/core/errors";
import type { OutputDelta } from "@pomona/shared/core/output/output-delta";
import { version } from "@pomona/shared/core/version";
import { post, serve } from "../support/http-front.ts";

const hello = { model: "tiny", messages: [{ role: "user", content: "hi" }] };
const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object" } } }];

const agent: FakeModel = async function* () {
  const event = (lastIndex: number, ...deltas: readonly OutputDelta[]) =>
    ({ kind: "output", deltas, lastIndex, tokens: null }) as const;
  yield fakeBound();
  yield event(0, { kind: "reasoning", text: "Look it up." }, { kind: "text", text: "Let me see." });
  yield event(1, { kind: "toolCallBegin", index: 0, name: "get_weather" });
  yield event(2, { kind: "toolCallArguments", index: 0, text: '{"city": ' });
  yield event(
    3,
    { kind: "toolCallArguments", index: 0, text: '"Oslo"}' },
    { kind: "toolCallEnd", index: 0, isComplete: true },
  );
  yield event(
    4,
    { kind: "toolCallBegin", index: 1, name: "get_weather" },
    { kind: "toolCallArguments", index: 1, text: "{}" },
    { kind: "toolCallEnd", index: 1, isComplete: true },
  );
  yield fakeEnding("stop");
};

const figures = {
  done: true,
  done_reason: "stop",
  total_duration: 15_400_000,
  load_duration: 12_400_000,
  prompt_eval_count: 7,
  prompt_eval_duration: 1_000_000,
  eval_count: 5,
  eval_duration: 2_000_000,
};

type Line = { readonly created_at: string; readonly [field: string]: unknown };

/** Lines without their times, each of which is one. */
async function linesOf(response: Response): Promise<object[]> {
  const text = await response.text();
  const lines = text.endsWith("\n") ? text.slice(0, -1).split("\n") : [text];
  return lines.map((line) => {
    const { created_at, ...rest }: Line = JSON.parse(line);
    assert.ok(Math.abs(Date.parse(created_at) - Date.now()) < 60_000, created_at);
    return rest;
  });
}

test("a chat comes in lines unless it is asked for at once", async (t) => {
  const { url } = await serve(t);
  const streamed = await post(`${url}/api/chat`, hello);
  assert.match(streamed.headers.get("content-type") ?? "", /^application\/x-ndjson/);
  assert.equal(streamed.headers.get("x-pomona-node"), fakeNodeId);
  const line = (content: string) => ({ model: "tiny", message: { role: "assistant", content } });
  assert.deepEqual(await linesOf(streamed), [
    { ...line("Hel"), done: false },
    { ...line("lo "), done: false },
    { ...line("🍎"), done: false },
    { ...line(""), ...figures },
  ]);
  const whole = await post(`${url}/api/chat`, { ...hello, stream: false });
  assert.match(whole.headers.get("content-type") ?? "", /^application\/json/);
  assert.deepEqual(await linesOf(whole), [{ ...line("Hello 🍎"), ...figures }]);
});

test("a prompt is answered in the same way", async (t) => {
  const { url } = await serve(t);
  const asked = { model: "tiny:latest", prompt: "hi", system: "be brief" };
  const line = (response: string) => ({ model: "tiny:latest", response });
  const context = carryConversation([
    { role: "system", content: "be brief" },
    { role: "user", content: "hi" },
    { role: "assistant", content: "Hello 🍎" },
  ]);
  assert.deepEqual(await linesOf(await post(`${url}/api/generate`, asked)), [
    { ...line("Hel"), done: false },
    { ...line("lo "), done: false },
    { ...line("🍎"), done: false },
    { ...line(""), context, ...figures },
  ]);
  const whole = await post(`${url}/api/generate`, { ...asked, stream: false });
  assert.deepEqual(await linesOf(whole), [{ ...line("Hello 🍎"), context, ...figures }]);
});

test("thoughts, and calls as a whole with objects for arguments", async (t) => {
  const { url, gateway } = await serve(t, { models: { tiny: agent } });
  const calls = (requestId: string) =>
    [{ city: "Oslo" }, {}].map((input, index) => ({
      id: `${requestId.slice(0, 6)}00${index}`,
      function: { index, name: "get_weather", arguments: input },
    }));
  const streamed = await post(`${url}/api/chat`, { ...hello, tools, think: true });
  const [first, second] = calls(streamed.headers.get("x-request-id") ?? "");
  const line = (message: object) => ({ model: "tiny", message: { role: "assistant", content: "", ...message } });
  assert.deepEqual(await linesOf(streamed), [
    { ...line({ thinking: "Look it up." }), done: false },
    { ...line({ content: "Let me see." }), done: false },
    { ...line({ tool_calls: [first] }), done: false },
    { ...line({ tool_calls: [second] }), done: false },
    { ...line({}), ...figures },
  ]);
  const whole = await post(`${url}/api/chat`, { ...hello, tools, stream: false });
  const tool_calls = calls(whole.headers.get("x-request-id") ?? "");
  assert.deepEqual(await linesOf(whole), [
    { ...line({ content: "Let me see.", thinking: "Look it up.", tool_calls }), ...figures },
  ]);
  // What was answered is taken as it came.
  const [message] = [{ role: "assistant", content: "Let me see.", thinking: "Look it up.", tool_calls }];
  const messages = [...hello.messages, message, { role: "tool", tool_name: "get_weather", content: "sunny" }];
  assert.equal((await post(`${url}/api/chat`, { ...hello, tools, messages })).status, 200);
  const { input } = gateway.requests.at(-1) ?? assert.fail();
  assert.ok(input.kind === "chat" && input.messages.at(-1)?.toolCallId === tool_calls[0]?.id);
});

test("a call that was cut off is none, and the reason says so", async (t) => {
  const cut: FakeModel = async function* () {
    yield fakeBound();
    yield { kind: "output", deltas: [{ kind: "toolCallBegin", index: 0, name: "f" }], lastIndex: 0, tokens: null };
    yield {
      kind: "output",
      deltas: [
        { kind: "toolCallArguments", index: 0, text: '{"a' },
        { kind: "toolCallEnd", index: 0, isComplete: false },
      ],
      lastIndex: 1,
      tokens: null,
    };
    yield fakeEnding("length");
  };
  const { url } = await serve(t, { models: { tiny: cut } });
  for (const stream of [true, false])
    assert.deepEqual(await linesOf(await post(`${url}/api/chat`, { ...hello, tools, stream })), [
      { model: "tiny", message: { role: "assistant", content: "" }, ...figures, done_reason: "length" },
    ]);
});

test("log-probabilities stand with the text that they are of", async (t) => {
  const token = { logprob: -0.5, top: [{ id: 1, text: Buffer.from("a"), logprob: -0.5 }], text: Buffer.from("a") };
  const logged: FakeModel = async function* () {
    yield fakeBound();
    yield { kind: "output", deltas: [{ kind: "text", text: "a" }], lastIndex: 0, tokens: [token] };
    yield fakeEnding("stop");
  };
  const { url } = await serve(t, { models: { tiny: logged } });
  const one = { token: "a", logprob: -0.5, bytes: [97] };
  const logprobs = [{ ...one, top_logprobs: [one] }];
  const asked = { model: "tiny", prompt: "hi", raw: true, logprobs: true, top_logprobs: 1 };
  const [first] = await linesOf(await post(`${url}/api/generate`, asked));
  assert.deepEqual(first, { model: "tiny", response: "a", logprobs, done: false });
  const [whole] = await linesOf(await post(`${url}/api/generate`, { ...asked, stream: false }));
  assert.deepEqual(whole, { model: "tiny", response: "a", logprobs, ...figures });
});

test("no messages and no prompt wait for the model, and answer once", async (t) => {
  const { url, gateway } = await serve(t);
  const loaded = { model: "tiny", done: true, done_reason: "load" };
  const chat = await post(`${url}/api/chat`, { model: "tiny", messages: [] });
  assert.deepEqual(await linesOf(chat), [{ ...loaded, message: { role: "assistant", content: "" } }]);
  const generate = await post(`${url}/api/generate`, { model: "tiny:latest" });
  assert.deepEqual(await linesOf(generate), [{ ...loaded, model: "tiny:latest", response: "" }]);
  assert.equal((await post(`${url}/api/chat`, { model: "none" })).status, 404);
  assert.equal(gateway.requests.length, 0);
});

test("embeddings are one vector for each input, and none for no input", async (t) => {
  const { url, gateway } = await serve(t);
  const embed = async (path: string, body: object) => await (await post(`${url}${path}`, body)).json();
  const { total_duration, ...rest } = (await embed("/api/embed", {
    model: "tiny:latest",
    input: ["a", "three"],
    truncate: true,
    keep_alive: "5m",
  })) as { total_duration: number };
  assert.ok(total_duration > 0 && Number.isInteger(total_duration));
  const embeddings = [1, 5].map((length) => [...fakeVector(length)]);
  assert.deepEqual(rest, { model: "tiny:latest", embeddings, load_duration: 12_400_000, prompt_eval_count: 6 });
  const short = (await embed("/api/embed", { model: "tiny", input: "abc", dimensions: 1 })) as { embeddings: object };
  assert.deepEqual(short.embeddings, [[1]]);
  const old = await embed("/api/embeddings", { model: "tiny", prompt: "abc" });
  assert.deepEqual(old, { embedding: [...fakeVector(3)] });
  assert.equal(gateway.embedRequests.length, 3);
  for (const input of ["", []])
    assert.deepEqual(await embed("/api/embed", { model: "tiny", input }), { model: "tiny", embeddings: [] });
  assert.deepEqual(await embed("/api/embeddings", { model: "tiny" }), { embedding: [] });
  assert.equal(gateway.embedRequests.length, 3, "no input is the model alone");
  const bad: readonly (readonly [path: string, body: object, message: RegExp])[] = [
    ["/api/embed", { input: "a" }, /^model /],
    ["/api/embed", { model: "tiny", input: 5 }, /^input /],
    ["/api/embed", { model: "tiny", input: ["a", ""] }, /^input\[1\] /],
    ["/api/embed", { model: "tiny", input: Array(2049).fill("a") }, /^input must hold at most 2048/],
    ["/api/embed", { model: "tiny", input: "a", dimensions: 0 }, /^dimensions /],
    ["/api/embed", { model: "tiny", input: "a", keep_alive: "soon" }, /^keep_alive /],
    ["/api/embed", { model: "tiny", input: "a", options: { num_ctx: 9999 } }, /num_ctx is 9999/],
    ["/api/embed", { model: "tiny", prompt: "a" }, /^prompt /],
    ["/api/embed", { model: "tiny", input: "a".repeat(1001) }, /1001/],
    ["/api/embeddings", { model: "tiny", prompt: ["a"] }, /^prompt /],
    ["/api/embeddings", { model: "tiny", input: "a" }, /^input /],
  ];
  for (const [path, body, message] of bad) {
    const response = await post(`${url}${path}`, body);
    assert.equal(response.status, 400);
    assert.match(await messageOf(response), message);
  }
});

test("models are listed, shown and told to run, and the version is one of Ollama's", async (t) => {
  const { url } = await serve(t);
  const get = async (path: string) => await (await fetch(`${url}${path}`)).json();
  const details = {
    parent_model: "",
    format: "gguf",
    family: "llama",
    families: ["llama"],
    parameter_size: "8.0B",
    quantization_level: "Q4_K_M",
  };
  const named = (name: string) => ({ name, model: name, size: 1_000_000, digest: "ab".repeat(32), details });
  const modified_at = "2023-11-14T22:13:20.000Z";
  const names = ["org/tiny:q4", "tiny:latest"];
  const capabilities = ["completion", "tools", "insert", "thinking", "embedding"];
  const listed = names.map((name) => ({ ...named(name), modified_at, capabilities }));
  assert.deepEqual(await get("/api/tags"), { models: listed });
  const running = { expires_at: "2300-01-01T00:00:00Z", size_vram: 1_000_000, context_length: 1000 };
  assert.deepEqual(await get("/api/ps"), { models: names.map((name) => ({ ...named(name), ...running })) });
  assert.deepEqual(await get("/api/version"), { version: "0.14.0", pomona_version: version });
  assert.equal((await fetch(`${url}/api/tags`, { method: "HEAD" })).status, 200);
  for (const body of [{ model: "tiny" }, { name: "tiny:latest", verbose: true }])
    assert.deepEqual(await (await post(`${url}/api/show`, body)).json(), {
      license: "",
      modelfile: "",
      parameters: "num_ctx                        1000",
      template: "{{ messages }}{# .Prompt and .Suffix: the gap between them is filled #}",
      details,
      model_info: {
        "general.architecture": "llama",
        "general.parameter_count": 8_030_261_248,
        "llama.block_count": 32,
        "llama.context_length": 1000,
      },
      capabilities,
      modified_at,
    });
});

async function messageOf(response: Response): Promise<string> {
  const body = (await response.json()) as { error: string };
  assert.deepEqual(Object.keys(body), ["error"]);
  return body.error;
}

test("every refusal has Ollama's shape", async (t) => {
  const full: FakeModel = () => {
    throw new PomonaError("queue_full", "the queue is full");
  };
  const { url } = await serve(t, { limits: { bodyBytesMax: 10_000 }, models: { tiny: saying("a"), full } });
  const json = { "content-type": "application/json" };
  const of = (body: unknown, headers: Record<string, string> = json, method = "POST"): RequestInit => ({
    method,
    headers,
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const chat = "/api/chat";
  const table: readonly (readonly [path: string, init: RequestInit, status: number, message: RegExp])[] = [
    [chat, {}, 405, /takes POST/],
    ["/api/tags", of({}), 405, /takes GET/],
    ["/api/delete", of({}), 405, /takes DELETE/],
    ["/api/nothing", {}, 404, /no GET \/api\/nothing/],
    ["/api/blobs/sha256:aa", { method: "POST" }, 404, /no POST/],
    ["/api/%zz", {}, 400, /path/],
    [chat, of(hello, { "content-type": "text/plain" }), 415, /application\/json/],
    [chat, of(`"${"a".repeat(10_000)}"`), 413, /10000 bytes/],
    [chat, of(""), 400, /empty/],
    [chat, of("{}"), 400, /model/],
    [chat, of({ ...hello, model: "gpt" }), 404, /"gpt" was not found .*it has: tiny, full/],
    ["/api/show", of({ model: "gpt" }), 404, /it has: tiny, full/],
    ["/api/show", of({}), 400, /model is missing/],
    [chat, of({ ...hello, options: { num_ctx: 1001 } }), 400, /num_ctx is 1001: .* 1000 tokens/],
    [chat, of({ ...hello, model: "full" }), 429, /full/],
    ["/api/pull", of({ model: "gpt" }), 404, /"gpt" .*pomona models add/],
    ["/api/pull", of({}), 400, /model is missing/],
    ["/api/push", of({ model: "tiny" }), 400, /pushed nowhere/],
    ["/api/create", of({ model: "mario", from: "tiny" }), 400, /pomona models add/],
    ["/api/copy", of({ source: "tiny", destination: "b" }), 400, /pomona models add/],
    ["/api/delete", of({ model: "tiny:latest" }, json, "DELETE"), 400, /pomona models rm/],
    ["/api/delete", of({ model: "gpt" }, json, "DELETE"), 404, /it has: tiny, full/],
    ["/api/delete", { method: "DELETE" }, 400, /pomona models rm/],
  ];
  for (const [path, init, status, message] of table) {
    const response = await fetch(`${url}${path}`, init);
    const what = `${init.method ?? "GET"} ${path} ${String(init.body).slice(0, 60)}`;
    assert.equal(response.status, status, what);
    assert.match(await messageOf(response), message, what);
    assert.equal(response.headers.get("allow") !== null, status === 405, what);
  }
});

test("no span of an answer is 0", async (t) => {
  const quick: FakeModel = async function* () {
    yield fakeBound();
    yield fakeText("a", 0);
    const ending = fakeEnding("stop");
    const timings = { queueMs: 0, prefillMs: 0, decodeMs: 0 };
    yield ending.kind === "ending" ? { ...ending, ending: { ...ending.ending, timings } } : ending;
  };
  const { url } = await serve(t, { models: { tiny: quick } });
  const [whole] = await linesOf(await post(`${url}/api/chat`, { ...hello, stream: false }));
  const spans = Object.entries(whole ?? {}).filter(([field]) => field.endsWith("_duration"));
  assert.deepEqual(
    spans.map(([, span]) => span),
    [1, 1, 1, 1],
  );
});

test("an answer that is waited for says nothing in lines, so that nobody gives it up", async (t) => {
  let goOn: () => void = () => undefined;
  const isWanted = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const slow: FakeModel = async function* () {
    yield fakeBound();
    await isWanted;
    yield fakeText("a", 0);
    yield fakeEnding("stop");
  };
  const { url } = await serve(t, { models: { tiny: slow }, limits: { commentEveryMs: 20 } });
  const response = await post(`${url}/api/chat`, hello);
  let text = "";
  for await (const piece of response.body ?? assert.fail()) {
    text += Buffer.from(piece).toString();
    if (text.split("\n").length > 2) goOn();
  }
  const lines = await linesOf(new Response(text));
  const line = { model: "tiny", message: { role: "assistant", content: "" }, done: false };
  assert.deepEqual(lines.slice(0, 2), [line, line]);
  const said = lines.filter((one) => JSON.stringify(one) !== JSON.stringify(line));
  assert.equal(said.length, 2);
});

test("a stream that fails in the middle ends in a line that says why", async (t) => {
  const crashed: FakeModel = async function* () {
    yield fakeBound();
    yield fakeText("a", 0);
    yield fakeEnding("failed", { code: "engine_crashed", message: "the engine crashed twice", isRetryable: true });
  };
  const { url } = await serve(t, { models: { tiny: crashed } });
  const text = await (await post(`${url}/api/chat`, hello)).text();
  assert.equal(text.split("\n").at(-2), '{"error":"the engine crashed twice"}');
  assert.ok(text.endsWith("\n") && !text.includes('"done":true'));
});
