// Answers on their way: waiting, failing, moved, abandoned and stalled streams, and a server that stops.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import {
  aborted,
  type FakeModel,
  fakeBound,
  fakeEnding,
  fakeNodeId,
  fakeText,
} from "@pomona/coordinator/http/fake-gateway";
import { startHttpServer } from "@pomona/coordinator/http/server";
import { PomonaError } from "@pomona/shared/core/errors";
import { createLogger, createSilentLogger } from "@pomona/shared/runtime/logger";
import { OpenFiles } from "@pomona/shared/runtime/open-files";
import OpenAI from "openai";
import { ask, chatPath, errorOf, hello, post, sdk, serve } from "../support/http-front.ts";
import { waitFor } from "../support/wait-for.ts";

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
    yield fakeText("a", 0);
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

test("Anthropic's clients, which count events and not comments, are pinged while they wait", async (t) => {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const waiting: FakeModel = async function* () {
    yield fakeBound();
    await released;
    yield fakeText("a", 0);
    yield fakeEnding("stop");
  };
  const { url } = await serve(t, { models: { waiting }, limits: { commentEveryMs: 20 } });
  const asked = { model: "waiting", max_tokens: 10, messages: [{ role: "user", content: "hi" }], stream: true };
  const response = await post(`${url}/v1/messages`, asked);
  let text = "";
  for await (const piece of response.body ?? assert.fail()) {
    text += Buffer.from(piece).toString();
    // One comes with the beginning in any case.
    if (text.split('event: ping\ndata: {"type":"ping"}\n').length > 3) release();
  }
  assert.match(text, /^id: \S+\nevent: message_start\n/);
  assert.match(text, /event: message_stop\n.*\n\n$/);
});

test("a stream that fails in the middle ends in one error event, without [DONE], and a bug keeps its message", async (t) => {
  const crashed: FakeModel = async function* () {
    yield fakeBound();
    yield fakeText("a", 0);
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
    yield fakeText("a", 0);
    yield fakeBound(2);
    yield fakeText("b", 1);
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
    decode: [fakeBound(), fakeText("a", 0)],
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
    for (; !signal.aborted; pieces += 1) yield fakeText(piece, pieces);
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

test("a reader that takes nothing of a whole answer is cut off as well", async (t) => {
  const piece = "x".repeat(1_000_000);
  const long: FakeModel = async function* () {
    yield fakeBound();
    for (let index = 0; index < 20; index += 1) yield fakeText(piece, index);
    yield fakeEnding("stop");
  };
  const { url, port } = await serve(t, {
    models: { long, tiny: long },
    limits: { stalledReaderMs: 200, connectionsMax: 1 },
  });
  const body = JSON.stringify({ ...hello, model: "long" });
  const headers = { "content-type": "application/json", connection: "close" };
  const answer = await ask(port, { path: chatPath, headers, body });
  answer.on("error", () => undefined);
  answer.pause();
  // There is room for one connection.
  const isFree = async (): Promise<boolean> => (await fetch(`${url}/healthz`)).status === 200;
  assert.ok(!(await isFree()));
  await waitFor(isFree, 10_000, "the stalled reader to be cut off");
  answer.destroy();
});

test("a client that takes its time to ask is told so, wherever it stops", async (t) => {
  const { port } = await serve(t, { limits: { headersTimeoutMs: 100, requestTimeoutMs: 200 } });
  const head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  const began = [
    "",
    "POST",
    head,
    `${head}Content-Length: 9\r\n\r\n`,
    `${head}Transfer-Encoding: chunked\r\n\r\n1\r\n`,
  ];
  for (const sent of began) {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    socket.on("data", (chunk) => {
      text += String(chunk);
    });
    socket.on("error", () => undefined);
    socket.write(sent);
    // A byte now and then is no excuse.
    const trickle = setInterval(() => socket.write(sent === "" ? "" : " "), 20);
    await once(socket, "close", { signal: AbortSignal.timeout(10_000) });
    clearInterval(trickle);
    assert.match(text, /^HTTP\/1\.1 40[08] .*"error":/s, JSON.stringify(sent));
  }
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

test("a server that refuses says that it lives, and tells whoever wants something to come again", async (t) => {
  const { url, refuse } = await serve(t);
  refuse();
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  const refused = await post(`${url}${chatPath}`, hello);
  assert.deepEqual([refused.status, refused.headers.get("connection")], [503, "close"]);
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.equal((await errorOf(refused)).code, "shutting_down");
});

test("while the last files are kept a request is refused, however few are left, and served afterwards", async (t) => {
  let max = 30;
  const { url } = await serve(t, { files: new OpenFiles({ max: () => max, open: () => 20 }) });
  for (max of [30, 22]) {
    const refused = await post(`${url}${chatPath}`, hello);
    assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "1"], `${max} files`);
    assert.equal((await errorOf(refused)).code, "connections_full");
  }
  max = 100;
  assert.equal((await post(`${url}${chatPath}`, hello)).status, 200);
});

test("a connection beyond the most is told so", async (t) => {
  const { url, port } = await serve(t, { limits: { connectionsMax: 1 } });
  const first = connect(port, "127.0.0.1");
  await once(first, "connect");
  assert.equal((await errorOf(await post(`${url}${chatPath}`, hello))).code, "connections_full");
  first.destroy();
  await waitFor(async () => (await post(`${url}${chatPath}`, hello)).status === 200, 10_000, "an answer");
});

test("a port that is taken is named with the fix", async (t) => {
  const { port, gateway, cluster } = await serve(t);
  const options = { host: "127.0.0.1", port, gateway, calls: cluster.calls, log: createSilentLogger() };
  await assert.rejects(startHttpServer(options), {
    code: "setup_failed",
    message: new RegExp(`${port}.*--http-port`),
  });
});
