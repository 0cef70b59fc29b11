// Bodies that come slowly, in pieces, too many at once, or only to cost: what is refused, and what everybody else notices.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { chatPath, errorOf, hello, post, type Served, serve } from "../support/http-front.ts";
import { waitFor } from "../support/wait-for.ts";

const json = { "content-type": "application/json" };

/** A request whose body is still to come. */
function begin({ port }: Served, headers: Record<string, string | number> = json) {
  const request = httpRequest({ host: "127.0.0.1", port, path: chatPath, method: "POST", headers });
  request.on("error", () => undefined);
  return request;
}

async function answerTo(request: ReturnType<typeof begin>): Promise<{ status: number; text: string }> {
  const [response]: IncomingMessage[] = await once(request, "response", { signal: AbortSignal.timeout(10_000) });
  let text = "";
  for await (const chunk of response ?? []) text += String(chunk);
  return { status: response?.statusCode ?? 0, text };
}

test("a body may come byte by byte", async (t) => {
  const served = await serve(t);
  const body = Buffer.from(JSON.stringify({ ...hello, metadata: { a: "é🍎".repeat(20_000) } }));
  const socket = connect(served.port, "127.0.0.1");
  t.after(() => socket.destroy());
  const head = `POST ${chatPath} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n`;
  const chunks = [...body].map((byte) => Buffer.concat([Buffer.from("1\r\n"), Buffer.of(byte), Buffer.from("\r\n")]));
  socket.write(`${head}transfer-encoding: chunked\r\n\r\n`);
  socket.write(Buffer.concat([...chunks, Buffer.from("0\r\n\r\n")]));
  let answer = "";
  for await (const chunk of socket) answer += String(chunk);
  assert.match(answer, /^HTTP\/1\.1 200 /);
});

test("what is too deep or holds too much is refused by name, while the rest of it is still to come", async (t) => {
  const served = await serve(t, { limits: { refusedBodyMs: 50 } });
  const table: readonly (readonly [piece: string, message: RegExp])[] = [
    [`"tools":${"[".repeat(300)}`, /^tools is nested deeper than 256 levels/],
    [`"x":{${'"a":1,'.repeat(20_000)}`, /^x holds an object of more than 10000 fields/],
    [`"x":[${'"a",'.repeat(200_000)}`, /^the body holds more than 150000 texts/],
  ];
  for (const [piece, message] of table) {
    // The client waits for an answer before it sends the rest: it gets one.
    const request = begin(served);
    request.write(`{"model":"tiny",${piece}`);
    const { status, text } = await answerTo(request);
    assert.equal(status, 400);
    assert.match(JSON.parse(text).error.message, message);
    request.destroy();
  }
});

test("a client that sends all of a body that is too large before it listens is told so", async (t) => {
  const served = await serve(t, { limits: { bodyBytesMax: 100_000 } });
  for (const headers of [json, { ...json, "content-length": 3_000_000 }]) {
    const request = begin(served, headers);
    request.end(Buffer.alloc(3_000_000, " "));
    await once(request, "finish");
    const { status, text } = await answerTo(request);
    assert.equal(status, 413);
    assert.match(text, /"message":"the body is larger than 100000 bytes, the most taken here".*"payload_too_large"/);
  }
});

/** Sends a part of a body, and waits until it is there. */
async function holdOpen(t: TestContext, { port }: Served, bytes: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  t.after(() => socket.destroy());
  const head = `POST ${chatPath} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 900000\r\n\r\n`;
  await new Promise((resolve) => socket.write(Buffer.concat([Buffer.from(head), Buffer.alloc(bytes, " ")]), resolve));
  return socket;
}

test("bodies that are on their way have room for so much, which is there again when their clients have gone", async (t) => {
  const served = await serve(t, { limits: { bodiesBytesMax: 2_000_000 } });
  // One client may have half of it.
  const sockets = [await holdOpen(t, served, 500_000), await holdOpen(t, served, 250_000)];
  const ask = (): Promise<Response> => post(`${served.url}${chatPath}`, { ...hello, user: "u".repeat(300_000) });
  await waitFor(async () => (await ask()).status === 503, 10_000, "the room to be taken");
  const refused = await ask();
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "1"]);
  assert.equal((await errorOf(refused)).code, "connections_full");
  for (const socket of sockets) socket.destroy();
  await waitFor(async () => (await ask()).status === 200, 10_000, "the room to be free");
});

test("a client that leaves in the middle of its body leaves nothing behind", async (t) => {
  const served = await serve(t);
  const request = begin(served, { ...json, "content-length": 1000 });
  request.write('{"model":');
  await waitFor(async () => (await post(`${served.url}${chatPath}`, hello)).status === 200, 10_000, "an answer");
  request.destroy();
  await waitFor(async () => (await post(`${served.url}${chatPath}`, hello)).status === 200, 10_000, "an answer");
  assert.equal(served.gateway.refusals.length, 0);
});
