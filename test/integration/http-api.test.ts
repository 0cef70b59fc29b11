// OpenAI's API over a real socket, in front of a pool that does what each test says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type FakeModel, fakeNodeId, saying } from "@pomona/coordinator/http/fake-gateway";
import fc from "fast-check";
import OpenAI from "openai";
import { ask, chatPath, errorOf, hello, post, sdk, serve } from "../support/http-front.ts";

test("of a request for several answers none is made when one of them is refused", async (t) => {
  const served = await serve(t);
  const prompt = ["a", "b".repeat(5000)];
  for (const stream of [false, true]) {
    served.gateway.signals.length = 0;
    await assert.rejects(sdk(served).completions.create({ model: "tiny", prompt, stream }), { status: 400 });
    assert.deepEqual(
      served.gateway.signals.map(({ aborted }) => aborted),
      [true],
    );
  }
});

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
    usage: {
      prompt_tokens: 7,
      completion_tokens: 5,
      total_tokens: 12,
      prompt_tokens_details: { cached_tokens: 3 },
      completion_tokens_details: { reasoning_tokens: 0 },
    },
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

test("as many choices as there may be are no leak of listeners", async (t) => {
  const warnings: string[] = [];
  const onWarning = ({ name }: Error): unknown => warnings.push(name);
  process.on("warning", onWarning);
  t.after(() => process.off("warning", onWarning));
  const listening: FakeModel = (request, signal) => {
    signal.addEventListener("abort", () => undefined);
    return saying("a")(request, signal);
  };
  const { url } = await serve(t, { models: { tiny: listening } });
  for (const stream of [false, true])
    assert.equal(
      (await (await post(`${url}${chatPath}`, { ...hello, n: 16, stream })).text()).includes("error"),
      false,
    );
  assert.deepEqual(warnings, []);
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
  await assert.rejects(ask({ n: 17 }), OpenAI.BadRequestError);
  const long = [{ role: "user" as const, content: "a".repeat(1001) }];
  await assert.rejects(ask({ messages: long }), (error: unknown) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.code, "context_length_exceeded");
    assert.equal(error.param, "messages");
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
    [chatPath, withBody("[".repeat(4000) + "]".repeat(4000)), 400, "invalid_request", null],
    [chatPath, withBody(`{"tools": ${"[".repeat(4000)}${"]".repeat(4000)}}`), 400, "invalid_request", "tools"],
    [chatPath, withBody("null"), 400, "invalid_request", null],
    [chatPath, withBody("{}"), 400, "invalid_request", "model"],
    [chatPath, withBody(JSON.stringify({ ...hello, tools: [{}] })), 400, "invalid_request", "tools[0].type"],
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
