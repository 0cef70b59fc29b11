// Requests as no client writes them: their first lines, headers and framing, byte by byte.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { chatPath, hello, type Served, serve } from "../support/http-front.ts";

/** All that comes back until the server closes the connection. */
async function exchange({ port }: Served, sent: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  let text = "";
  socket.on("data", (chunk) => {
    text += String(chunk);
  });
  socket.write(sent);
  await once(socket, "close", { signal: AbortSignal.timeout(10_000) });
  return text;
}

const body = JSON.stringify(hello);
const host = "host: localhost\r\n";
const close = "connection: close\r\n";
const json = `${host}${close}content-type: application/json\r\n`;
const get = (path: string, headers = host): string => `GET ${path} HTTP/1.1\r\n${headers}${close}\r\n`;
const posted = (headers: string, sent = body, version = "1.1"): string =>
  `POST ${chatPath} HTTP/${version}\r\n${json}${headers}\r\n${sent}`;
const inChunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
const length = `content-length: ${body.length}\r\n`;
const chunked = "transfer-encoding: chunked\r\n";

test("a request that two servers could read in two ways is 400, and its connection closed", async (t) => {
  const served = await serve(t);
  const table: Readonly<Record<string, string>> = {
    "two lengths": posted(`${length}content-length: 5\r\n`),
    "two equal lengths": posted(`${length}${length}`),
    "a list of lengths": posted(`content-length: ${body.length}, ${body.length}\r\n`),
    "a length with a sign": posted(`content-length: +${body.length}\r\n`),
    "a length and chunks": posted(`${length}${chunked}`, inChunks),
    "chunks and a length": posted(`${chunked}${length}`, inChunks),
    "chunks and then something else": posted(`${chunked}transfer-encoding: identity\r\n`, inChunks),
    "a coding that nobody knows": posted("transfer-encoding: xchunked\r\n", inChunks),
    "a space before the colon": posted("transfer-encoding : chunked\r\n", inChunks),
    "a chunk of no size": posted(chunked, "zz\r\n{}\r\n0\r\n\r\n"),
    "a header over two lines": get("/v1/models", `${host}x-a: a\r\n b\r\n`),
    "lines without carriage returns": "GET /v1/models HTTP/1.1\nhost: localhost\n\n",
    "a NUL in a header": get("/v1/models", `${host}x-a: a\0b\r\n`),
    "two hosts": get("/v1/models", `${host}host: evil.example\r\n`),
    "the same host twice": get("/v1/models", `${host}${host}`),
    "no host": get("/v1/models", ""),
  };
  for (const [name, sent] of Object.entries(table)) {
    const answer = await exchange(served, sent);
    assert.match(answer, /^HTTP\/1\.1 400 /, name);
    assert.match(
      answer,
      /\{"error":\{"message":"[^"]+","type":"invalid_request_error","param":null,"code":"invalid_request"\}\}$/,
      name,
    );
  }
  assert.equal(served.gateway.requests.length, 0);
});

test("no header is left out, however many there are", async (t) => {
  const served = await serve(t);
  const many = "a: b\r\n".repeat(2000);
  assert.match(await exchange(served, get("/v1/models", `${host}${many}origin: http://evil.example\r\n`)), / 403 /);
  assert.match(await exchange(served, get("/v1/models", `${host}${many}`)), / 200 /);
  assert.match(
    await exchange(served, get("/v1/models", `${host}${many.replaceAll("b", "b".repeat(10))}`)),
    / 431 .*"error":/s,
  );
});

test("a request that names its host in the first line is of that host", async (t) => {
  const served = await serve(t);
  assert.match(await exchange(served, get("http://localhost/v1/models")), / 200 /);
  assert.match(await exchange(served, get("http://evil.example/v1/models")), / 403 .*forbidden_origin/s);
  assert.match(await exchange(served, get("http://localhost/v1/models", "host: evil.example\r\n")), / 200 /);
  const refused = await exchange(
    served,
    `POST http://localhost/v1/messages HTTP/1.1\r\n${json}content-length: 2\r\n\r\n{}`,
  );
  assert.match(refused, /"type":"error"/, "in the shape of the path's API");
});

test("a path has one meaning, however it is written", async (t) => {
  const served = await serve(t);
  const post = (path: string): string => `POST ${path} HTTP/1.1\r\n${json}content-length: 2\r\n\r\n{}`;
  assert.match(await exchange(served, post("/v1/%6dessages")), / 400 .*"type":"error"/s);
  assert.match(await exchange(served, post("/%61pi/chat")), / 400 .*\{"error":"model is missing"\}/s);
  assert.match(await exchange(served, get("/v1/%63hat/completions")), / 405 .*allow: POST/s);
  for (const path of ["//v1/models", "/v1//models", "/v1/../v1/models", "/V1/models", "/v1/models;a", "*"])
    assert.match(await exchange(served, get(path)), / 404 .*"code":"(model_)?not_found"/s, path);
  for (const path of ["/v1/%zz", "/v1/models/%ff"]) assert.match(await exchange(served, get(path)), / 400 .*"error":/s);
});

test("what is asked beside the request is answered as a request, or refused in so many words", async (t) => {
  const served = await serve(t);
  assert.match(await exchange(served, posted(`expect: 100-continue\r\n${length}`)), /^HTTP\/1\.1 100 .* 200 OK/s);
  assert.match(await exchange(served, posted(`expect: a-miracle\r\n${length}`)), /^HTTP\/1\.1 200 /);
  assert.match(await exchange(served, get("/v1/models", `${host}upgrade: websocket\r\n`)), / 200 /);
  assert.match(await exchange(served, `CONNECT localhost:1 HTTP/1.1\r\n${host}\r\n`), / 405 .*"method_not_allowed"/s);
  assert.match(await exchange(served, `OPTIONS ${chatPath} HTTP/1.1\r\n${host}${close}\r\n`), / 405 .*allow: POST/s);
  assert.match(await exchange(served, `HEAD ${chatPath} HTTP/1.1\r\n${host}${close}\r\n`), / 405 .*\r\n\r\n$/s);
  assert.match(await exchange(served, posted(length, body, "1.0")), / 200 /);
});
