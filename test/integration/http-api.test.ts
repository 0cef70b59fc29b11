// OpenAI's API over a real socket, in front of a pool that does what each test says.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import {
  aborted,
  FakeGateway,
  type FakeModel,
  fakeBound,
  fakeEnding,
  fakeNodeId,
  saying,
} from "@pomona/coordinator/http/fake-gateway";
import type { HttpLimits } from "@pomona/coordinator/http/limits";
import { startHttpServer } from "@pomona/coordinator/http/server";
import { PomonaError } from "@pomona/shared/core/errors";
import { createLogger, createSilentLogger, type Logger } from "@pomona/shared/runtime/logger";
import fc from "fast-check";
import OpenAI from "openai";
import { waitFor } from "../support/wait-for.ts";

type Served = { readonly url: string; readonly port: number; readonly gateway: FakeGateway; close(): Promise<void> };
type ServeOptions = {
  readonly models?: Readonly<Record<string, FakeModel>>;
  readonly limits?: Partial<HttpLimits>;
  readonly log?: Logger;
};

async function serve(t: TestContext, { models, limits, log }: ServeOptions = {}): Promise<Served> {
  const gateway = new FakeGateway(
    models ?? { "org/tiny:q4": saying("Hel", "lo ", "🍎"), tiny: saying("Hel", "lo ", "🍎") },
  );
  const server = await startHttpServer({
    host: "127.0.0.1",
    port: 0,
    gateway,
    log: log ?? createSilentLogger(),
    limits: { closeGraceMs: 100, ...limits },
  });
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${server.port}`, port: server.port, gateway, close: () => server.close() };
}

const chatPath = "/v1/chat/completions";
const hello = { model: "tiny", messages: [{ role: "user" as const, content: "hi" }] };

function sdk({ url }: Served): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0, timeout: answerTimeoutMs });
}

/** An answer that never ends is a failure and no hang. */
const answerTimeoutMs = 10_000;

function post(url: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
    signal: AbortSignal.timeout(answerTimeoutMs),
    ...init,
  });
}

type ErrorAnswer = { readonly error: { message: string; type: string; param: string | null; code: string | null } };

async function errorOf(response: Response): Promise<ErrorAnswer["error"]> {
  // The shape is what is asserted next.
  const { error } = (await response.json()) as ErrorAnswer;
  assert.equal(typeof error.message, "string");
  assert.deepEqual(Object.keys(error).sort(), ["code", "message", "param", "type"]);
  assert.match(response.headers.get("x-request-id") ?? "", /^[0-9a-f]{32}$/);
  return error;
}

test("the OpenAI SDK gets a whole chat answer, with its headers", async (t) => {
  const served = await serve(t);
  const { data, response } = await sdk(served)
    .chat.completions.create({ ...hello, seed: 1 })
    .withResponse();
  assert.match(data.id, /^chatcmpl-[0-9a-f]{32}$/);
  assert.ok(Math.abs(data.created - Date.now() / 1000) < 60);
  const { id, created, system_fingerprint, ...rest } = data;
  assert.equal(id, `chatcmpl-${response.headers.get("x-request-id")}`);
  assert.equal(typeof system_fingerprint, "string");
  assert.equal(Number.isInteger(created), true);
  assert.deepEqual(rest, {
    object: "chat.completion",
    model: "tiny",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: "Hello 🍎", refusal: null },
        logprobs: null,
        finish_reason: "stop",
      },
    ],
    usage: { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12, prompt_tokens_details: { cached_tokens: 3 } },
  });
  assert.equal(response.headers.get("x-pomona-node"), fakeNodeId);
  assert.equal(response.headers.get("x-pomona-queue-ms"), "12");
});

test("the OpenAI SDK streams a chat: role, deltas, finish, usage", async (t) => {
  const served = await serve(t);
  const { data, response } = await sdk(served)
    .chat.completions.create({ ...hello, stream: true, stream_options: { include_usage: true } })
    .withResponse();
  const chunks = [];
  for await (const chunk of data) chunks.push(chunk);
  assert.equal(response.headers.get("x-pomona-node"), fakeNodeId);
  assert.equal(response.headers.get("x-accel-buffering"), "no");
  assert.equal(new Set(chunks.map(({ id }) => id)).size, 1);
  assert.deepEqual(chunks.at(0)?.choices[0]?.delta, { role: "assistant", content: "", refusal: null });
  assert.equal(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join(""), "Hello 🍎");
  assert.deepEqual(chunks.at(-2)?.choices[0], { index: 0, delta: {}, logprobs: null, finish_reason: "stop" });
  assert.deepEqual(chunks.at(-1)?.choices, []);
  assert.equal(chunks.at(-1)?.usage?.total_tokens, 12);
  for (const chunk of chunks.slice(0, -1)) assert.equal(chunk.usage, null);
});

test("without include_usage no chunk has a usage, and the stream ends in [DONE]", async (t) => {
  const { url } = await serve(t);
  const text = await (await post(`${url}${chatPath}`, { ...hello, stream: true })).text();
  assert.ok(!text.includes('"usage"'));
  assert.ok(text.endsWith("data: [DONE]\n\n"));
});

test("the OpenAI SDK completes a prompt, whole and streamed", async (t) => {
  const served = await serve(t);
  const whole = await sdk(served).completions.create({ model: "tiny", prompt: "a" });
  assert.match(whole.id, /^cmpl-/);
  assert.equal(whole.object, "text_completion");
  assert.deepEqual(whole.choices, [{ index: 0, text: "Hello 🍎", logprobs: null, finish_reason: "stop" }]);
  assert.equal(whole.usage?.prompt_tokens, 7);
  const stream = await sdk(served).completions.create({
    model: "tiny",
    prompt: "a",
    stream: true,
    stream_options: { include_usage: true },
  });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  assert.equal(chunks.map(({ choices }) => choices[0]?.text ?? "").join(""), "Hello 🍎");
  assert.equal(chunks.at(-2)?.choices[0]?.finish_reason, "stop");
  assert.equal(chunks.at(-1)?.usage?.completion_tokens, 5);
});

test("models are listed and found, also with slashes and colons in their names", async (t) => {
  const served = await serve(t);
  const names = (await sdk(served).models.list()).data.map(({ id }) => id);
  assert.deepEqual(names, ["org/tiny:q4", "tiny"]);
  const expected = { id: "org/tiny:q4", object: "model", created: 1_700_000_000, owned_by: "pomona" };
  assert.deepEqual(await (await fetch(`${served.url}/v1/models/org/tiny:q4`)).json(), expected);
  assert.deepEqual({ ...(await sdk(served).models.retrieve("org/tiny:q4")) }, expected);
  const missing = await fetch(`${served.url}/v1/models/gpt`);
  assert.equal(missing.status, 404);
  assert.match((await errorOf(missing)).message, /org\/tiny:q4, tiny/);
});

test("health, readiness and metrics are served", async (t) => {
  const { url, gateway } = await serve(t);
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  assert.deepEqual(await (await fetch(`${url}/readyz`)).json(), { ready: true, reasons: [] });
  gateway.currentReadiness = { isReady: false, reasons: ["no node is alive"] };
  const ready = await fetch(`${url}/readyz`);
  assert.equal(ready.status, 503);
  assert.deepEqual(await ready.json(), { ready: false, reasons: ["no node is alive"] });
  const metrics = await fetch(`${url}/metrics`);
  assert.match(metrics.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  assert.match(metrics.headers.get("x-request-id") ?? "", /^[0-9a-f]{32}$/);
});

test("errors reach the OpenAI SDK as its own classes", async (t) => {
  const served = await serve(t);
  const ask = (body: object) => sdk(served).chat.completions.create({ ...hello, ...body });
  await assert.rejects(ask({ model: "gpt" }), (error: unknown) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, "model_not_found");
    assert.equal(error.param, "model");
    return true;
  });
  await assert.rejects(ask({ n: 2 }), OpenAI.BadRequestError);
  const long = [{ role: "user" as const, content: "a".repeat(1001) }];
  await assert.rejects(ask({ messages: long }), (error: unknown) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.code, "context_length_exceeded");
    assert.match(error.message, /1000.*1001/);
    return true;
  });
  assert.equal(served.gateway.refusals.length, 2, "what the pool refused is counted");
});

test("every bad request is refused with its status, code and field", async (t) => {
  const { url, gateway } = await serve(t, { limits: { bodyBytesMax: 10_000 } });
  const json = { "content-type": "application/json" };
  const withBody = (body: string | Uint8Array, headers: Record<string, string> = json): RequestInit => ({
    method: "POST",
    headers,
    body,
  });
  const ok = JSON.stringify(hello);
  const table: readonly (readonly [
    path: string,
    init: RequestInit,
    status: number,
    code: string,
    param: string | null,
  ])[] = [
    ["/v1/nothing", {}, 404, "not_found", null],
    ["/v1/nothing", withBody("a", { "content-type": "text/plain" }), 404, "not_found", null],
    ["/v1/models/%zz", {}, 400, "invalid_request", null],
    [chatPath, {}, 405, "method_not_allowed", null],
    [chatPath, { method: "OPTIONS" }, 405, "method_not_allowed", null],
    [chatPath, { method: "DELETE" }, 405, "method_not_allowed", null],
    ["/healthz", withBody("{}"), 405, "method_not_allowed", null],
    ["/v1/models/tiny", { method: "DELETE" }, 405, "method_not_allowed", null],
    [chatPath, withBody(ok, { "content-type": "text/plain" }), 415, "unsupported_media_type", null],
    [
      chatPath,
      withBody(ok, { "content-type": "application/x-www-form-urlencoded" }),
      415,
      "unsupported_media_type",
      null,
    ],
    [chatPath, withBody(ok, { "content-type": "nonsense" }), 415, "unsupported_media_type", null],
    [chatPath, withBody(ok, { ...json, "content-encoding": "gzip" }), 415, "unsupported_media_type", null],
    [chatPath, withBody(`"${"a".repeat(10_000)}"`), 413, "payload_too_large", null],
    [chatPath, withBody(""), 400, "invalid_request", null],
    [chatPath, withBody('{"model": tiny}'), 400, "invalid_request", null],
    [chatPath, withBody(Uint8Array.of(0x22, 0xff, 0x22)), 400, "invalid_request", null],
    [chatPath, withBody('{"__proto__": {"model": "tiny"}}'), 400, "invalid_request", null],
    [chatPath, withBody("[".repeat(5000)), 400, "invalid_request", null],
    [chatPath, withBody("null"), 400, "invalid_request", null],
    [chatPath, withBody("{}"), 400, "invalid_request", "model"],
    [chatPath, withBody(JSON.stringify({ ...hello, tools: [{}] })), 400, "invalid_request", "tools"],
    [chatPath, withBody(JSON.stringify({ ...hello, model: "__proto__" })), 404, "model_not_found", "model"],
    [chatPath, withBody(JSON.stringify({ ...hello, model: "../../etc/passwd" })), 404, "model_not_found", "model"],
    ["/v1/completions", withBody('{"model": "tiny"}'), 400, "invalid_request", "prompt"],
    [chatPath, withBody(ok, { ...json, origin: "https://evil.example" }), 403, "forbidden_origin", null],
    [chatPath, withBody(ok, { ...json, "sec-fetch-site": "cross-site" }), 403, "forbidden_origin", null],
  ];
  for (const [path, init, status, code, param] of table) {
    const response = await fetch(`${url}${path}`, init);
    const error = await errorOf(response);
    const what = `${init.method ?? "GET"} ${path} ${String(init.body).slice(0, 60)}: ${error.message}`;
    assert.deepEqual([response.status, error.code, error.param], [status, code, param], what);
    assert.equal(response.headers.get("allow") !== null, status === 405, what);
    assert.equal(response.headers.get("access-control-allow-origin"), null, what);
  }
  assert.equal(gateway.requests.length, 0);
});

test("malformed JSON is refused with the place where it breaks", async (t) => {
  const { url } = await serve(t);
  const { message } = await errorOf(await post(`${url}${chatPath}`, '{\n  "model": tiny\n}'));
  assert.match(message, /position 14 \(line 2, column 13\)/);
});

test("a Host that is not the pool's is refused: DNS rebinding", async (t) => {
  const { port } = await serve(t);
  const answer = await ask(port, { path: "/v1/models", headers: { host: "evil.example" } });
  assert.equal(answer.statusCode, 403);
  answer.resume();
});

/** A request whose answer has begun; fetch cannot set the Host header. */
async function ask(
  port: number,
  { path, headers, body }: { path: string; headers: Record<string, string>; body?: string },
): Promise<IncomingMessage> {
  const method = body === undefined ? "GET" : "POST";
  const request = httpRequest({ host: "127.0.0.1", port, path, method, headers }).end(body);
  request.on("error", () => undefined);
  const [response] = await once(request, "response");
  return response;
}

test("300 mutated bodies get no 5xx, and the server still serves", async (t) => {
  const { url } = await serve(t);
  const fields = [
    "model",
    "messages",
    "temperature",
    "stop",
    "logit_bias",
    "stream",
    "stream_options",
    "n",
    "seed",
    "prompt",
  ];
  const base: Record<string, unknown> = { ...hello, temperature: 1, stop: ["a"], stream: false };
  const mutatedObject = fc
    .tuple(fc.constantFrom(...fields), fc.jsonValue())
    .map(([field, value]) => JSON.stringify({ ...base, [field]: value }));
  const mutatedText = fc
    .tuple(fc.nat(200), fc.nat(8), fc.string({ unit: "binary", maxLength: 8 }))
    .map(([at, length, piece]) => {
      const text = JSON.stringify(base);
      return text.slice(0, at) + piece + text.slice(at + length);
    });
  const body = fc.oneof(mutatedObject, mutatedText, fc.json());
  const path = fc.constantFrom(chatPath, "/v1/completions");
  await fc.assert(
    fc.asyncProperty(path, body, async (where, text) => {
      const response = await post(`${url}${where}`, text);
      const answer = await response.text();
      assert.ok(response.status < 500, `${response.status} ${answer}`);
      if (response.status >= 400) assert.equal(typeof JSON.parse(answer).error.message, "string");
    }),
    { numRuns: 300 },
  );
  assert.equal((await post(`${url}${chatPath}`, hello)).status, 200);
});

test("a refusal before the headers is an HTTP error with a time to retry", async (t) => {
  const failure = { code: "deadline_exceeded", message: "it waited too long", isRetryable: true } as const;
  const expired: FakeModel = async function* () {
    yield fakeEnding("expired", failure);
  };
  const { url } = await serve(t, {
    models: {
      expired,
      full: () => {
        throw new PomonaError("queue_full", "the queue is full", { retryAfterMs: 4200 });
      },
    },
  });
  for (const stream of [false, true]) {
    const late = await post(`${url}${chatPath}`, { ...hello, model: "expired", stream });
    assert.equal(late.status, 429);
    assert.equal((await errorOf(late)).code, "deadline_exceeded");
    assert.match(late.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
    const full = await post(`${url}${chatPath}`, { ...hello, model: "full", stream });
    assert.equal(full.status, 429);
    assert.equal(full.headers.get("retry-after"), "5");
  }
});

/** Events and comments of a stream, in order. */
async function linesOf(response: Response): Promise<string[]> {
  return (await response.text()).split("\n\n").filter((line) => line !== "");
}

test("a stream that waits gets its headers, comments, the node as a comment, and a refusal as an event", async (t) => {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const waiting: FakeModel = async function* () {
    await released;
    yield fakeBound();
    yield { kind: "text", text: "a", lastIndex: 0 };
    yield fakeEnding("length");
  };
  const refused: FakeModel = async function* () {
    await released;
    yield fakeEnding("expired", { code: "deadline_exceeded", message: "late", isRetryable: true });
  };
  const { url } = await serve(t, { models: { waiting, refused }, limits: { headersAfterMs: 20, commentEveryMs: 20 } });
  const [one, two] = await Promise.all(
    ["waiting", "refused"].map((model) => post(`${url}${chatPath}`, { ...hello, model, stream: true })),
  );
  assert.ok(one && two);
  assert.equal(one.status, 200);
  assert.equal(one.headers.get("x-pomona-node"), null);
  const reader = one.clone().body?.getReader();
  assert.equal(new TextDecoder().decode((await reader?.read())?.value), ": waiting\n\n");
  release();
  const lines = await linesOf(one);
  assert.ok(lines.includes(`: pomona node=${fakeNodeId} queue_ms=12`), lines.join("\n"));
  assert.match(lines.at(-2) ?? "", /"finish_reason":"length"/);
  assert.equal(lines.at(-1), "data: [DONE]");
  const refusal = await linesOf(two);
  assert.match(refusal.at(-1) ?? "", /^data: \{"error":\{"message":"late".*"code":"deadline_exceeded"/);
  assert.ok(!refusal.includes("data: [DONE]"));
});

test("a stream that fails in the middle ends in one error event, without [DONE], and a bug keeps its message", async (t) => {
  const crashed: FakeModel = async function* () {
    yield fakeBound();
    yield { kind: "text", text: "a", lastIndex: 0 };
    yield fakeEnding("failed", { code: "engine_crashed", message: "the engine crashed twice", isRetryable: true });
  };
  const buggy: FakeModel = async function* () {
    yield fakeBound();
    throw new Error("canary-secret");
  };
  const logged: string[] = [];
  const log = createLogger({ name: "test", level: "info", stream: { write: (line) => void logged.push(line) } });
  const served = await serve(t, { models: { crashed, buggy }, log });
  const lines = await linesOf(await post(`${served.url}${chatPath}`, { ...hello, model: "crashed", stream: true }));
  assert.match(lines.at(-1) ?? "", /"code":"engine_crashed"/);
  assert.equal(lines.filter((line) => line.includes('"error"')).length, 1);
  assert.ok(!lines.includes("data: [DONE]"));
  await assert.rejects(async () => {
    const stream = await sdk(served).chat.completions.create({ ...hello, model: "crashed", stream: true });
    for await (const _ of stream);
  }, OpenAI.APIError);
  for (const stream of [true, false]) {
    const answer = await post(`${served.url}${chatPath}`, { ...hello, model: "buggy", stream });
    assert.equal(answer.status, stream ? 200 : 500);
    const text = await answer.text();
    assert.match(text, /"code":"internal"/);
    assert.ok(!text.includes("canary"));
  }
  assert.equal(logged.length, 2);
  assert.ok(!logged.join().includes("canary"), "the message of a foreign error may quote a prompt");
});

test("a request that is moved says so in a comment and begins only once", async (t) => {
  const moved: FakeModel = async function* () {
    yield fakeBound(1);
    yield { kind: "text", text: "a", lastIndex: 0 };
    yield fakeBound(2);
    yield { kind: "text", text: "b", lastIndex: 1 };
    yield fakeEnding("stop");
  };
  const { url } = await serve(t, { models: { moved } });
  const lines = await linesOf(await post(`${url}${chatPath}`, { ...hello, model: "moved", stream: true }));
  assert.equal(lines.filter((line) => line.includes('"role":"assistant"')).length, 1);
  assert.equal(lines.filter((line) => line.startsWith(": pomona node=")).length, 1);
});

test("a client that goes away aborts its request in the queue, in prefill and in decode, streamed or not", async (t) => {
  const events = {
    queue: [],
    prefill: [fakeBound(), { kind: "progress", evaluatedTokens: 1, totalTokens: 7 } as const],
    decode: [fakeBound(), { kind: "text", text: "a", lastIndex: 0 } as const],
  };
  const models = Object.fromEntries(
    Object.entries(events).map(([name, first]): [string, FakeModel] => [
      name,
      async function* (_request, signal) {
        yield* first;
        await aborted(signal);
      },
    ]),
  );
  const { url, gateway } = await serve(t, { models });
  for (const model of Object.keys(models)) {
    for (const stream of [true, false]) {
      const leaving = new AbortController();
      const before = gateway.signals.length;
      const answer = post(`${url}${chatPath}`, { ...hello, model, stream }, { signal: leaving.signal });
      answer.then((response) => response.text()).catch(() => undefined);
      await waitFor(() => gateway.signals.length > before, 5000, "the request to arrive");
      const start = performance.now();
      leaving.abort();
      await waitFor(() => gateway.signals.at(-1)?.aborted === true, 2500, `${model} to be aborted`);
      t.diagnostic(`${model}, stream ${stream}: aborted after ${Math.round(performance.now() - start)} ms`);
    }
  }
});

test("a reader that takes nothing stops its stream at the limit, and is cut off", async (t) => {
  const piece = "x".repeat(10_000);
  let pieces = 0;
  const endless: FakeModel = async function* (_request, signal) {
    yield fakeBound();
    for (; !signal.aborted; pieces += 1) yield { kind: "text", text: piece, lastIndex: pieces };
  };
  const limits = { bufferedBytesMax: 200_000, stalledReaderMs: 300 };
  const { port, gateway } = await serve(t, { models: { endless }, limits });
  const body = JSON.stringify({ ...hello, model: "endless", stream: true });
  const answer = await ask(port, { path: chatPath, headers: { "content-type": "application/json" }, body });
  answer.on("error", () => undefined);
  answer.pause();
  await waitFor(() => gateway.signals[0]?.aborted === true, 10_000, "the stalled reader to be cut off");
  t.diagnostic(`${pieces * piece.length} bytes were written to a reader that took none`);
  // What the kernel's buffers hold of a loopback connection comes on top of ours.
  assert.ok(pieces * piece.length < 20_000_000, `${pieces} pieces`);
  answer.destroy();
});

test("what comes too slowly, or is no HTTP, is answered in the same shape", async (t) => {
  const { port } = await serve(t, { limits: { headersTimeoutMs: 100, requestTimeoutMs: 100 } });
  const exchange = async (sent: string): Promise<string> => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.write(sent);
    await once(socket, "close");
    return text;
  };
  const slow = await exchange("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
  assert.match(slow, /^HTTP\/1\.1 408 .*x-request-id: [0-9a-f]{32}.*"type":"invalid_request_error"/s);
  assert.match(await exchange("nonsense\r\n\r\n"), /^HTTP\/1\.1 400 .*"error":/s);
  const large = `GET / HTTP/1.1\r\nHost: localhost\r\nX-Large: ${"a".repeat(20_000)}\r\n\r\n`;
  assert.match(await exchange(large), /^HTTP\/1\.1 431 .*"error":/s);
});

test("a server that stops lets answers end in their time, and tells the others", async (t) => {
  let finish = (): void => undefined;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const short: FakeModel = async function* () {
    yield fakeBound();
    await finished;
    yield fakeEnding("stop");
  };
  const endless: FakeModel = async function* (_request, signal) {
    yield fakeBound();
    await aborted(signal);
  };
  const served = await serve(t, { models: { short, endless }, limits: { closeGraceMs: 300 } });
  const [first, second] = await Promise.all(
    ["short", "endless"].map((model) => post(`${served.url}${chatPath}`, { ...hello, model, stream: true })),
  );
  assert.ok(first && second);
  const closed = served.close();
  finish();
  assert.equal((await linesOf(first)).at(-1), "data: [DONE]");
  assert.match((await linesOf(second)).at(-1) ?? "", /"code":"shutting_down"/);
  await closed;
  await assert.rejects(fetch(`${served.url}/healthz`));
});

test("a port that is taken is named with the fix", async (t) => {
  const { port, gateway } = await serve(t);
  await assert.rejects(startHttpServer({ host: "127.0.0.1", port, gateway, log: createSilentLogger() }), {
    code: "setup_failed",
    message: new RegExp(`${port}.*--http-port`),
  });
});
