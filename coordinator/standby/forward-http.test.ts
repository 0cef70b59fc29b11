import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, test } from "node:test";
import { PomonaError } from "@pomona/shared/core/errors";
import { forwardHttp } from "./forward-http.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const servers: Server[] = [];
const gone = { controller: new AbortController() };

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  gone.controller = new AbortController();
});

async function serve(handler: Handler): Promise<number> {
  const server = createServer(handler);
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** A standby of whoever answers at the port; its own errors are 503 with their message. */
function standbyOf(port: number): Promise<number> {
  const target = {
    id: "a",
    httpAddress: `127.0.0.1:${port}`,
    grpcAddress: "127.0.0.1:1",
    get gone() {
      return gone.controller.signal;
    },
  };
  return serve((incoming, response) => {
    const left = new AbortController();
    response.once("close", () => left.abort());
    const duty = () => ({ kind: "standby", active: null }) as const;
    forwardHttp({ request: incoming, response, target, duty, signal: left.signal }).catch((thrown: unknown) => {
      assert.ok(thrown instanceof PomonaError);
      if (!response.destroyed) response.writeHead(503).end(thrown.code);
    });
  });
}

test("method, path, body, status and headers go both ways; of one connection's own nothing does", async () => {
  const body = Buffer.alloc(2_000_000, "0123456789");
  const active = await serve((incoming, response) => {
    const { host, origin, connection, "x-own": own, "x-pomona-forwarded": from } = incoming.headers;
    response.setHeader("x-seen", JSON.stringify([incoming.method, incoming.url, host, origin, connection, own, from]));
    response.statusCode = 207;
    incoming.pipe(response);
  });
  const headers = { "x-own": "1", origin: "http://10.0.0.1:8484" };
  const port = await standbyOf(active);
  const answer = await fetch(`http://127.0.0.1:${port}/a/b?c=%20d`, { method: "PUT", body, headers });
  assert.equal(answer.status, 207);
  const seen = ["PUT", "/a/b?c=%20d", "localhost", null, "close", "1", "127.0.0.1"];
  assert.deepEqual(JSON.parse(answer.headers.get("x-seen") ?? ""), seen);
  assert.deepEqual(Buffer.from(await answer.arrayBuffer()), body);
});

test("each piece of an answer comes when it was sent, and the end of a client is the end of the call", async () => {
  let sendMore: () => void = () => undefined;
  let noteLeft: () => void = () => undefined;
  const left = new Promise<void>((resolve) => {
    noteLeft = resolve;
  });
  const active = await serve((_, response) => {
    response.write("one");
    sendMore = () => response.write("two");
    response.once("close", noteLeft);
  });
  const call = request({ host: "127.0.0.1", port: await standbyOf(active) });
  call.on("error", () => undefined);
  call.end();
  const [answer] = (await once(call, "response")) as [IncomingMessage];
  answer.on("error", () => undefined);
  assert.equal(String((await once(answer, "data"))[0]), "one");
  sendMore();
  assert.equal(String((await once(answer, "data"))[0]), "two");
  call.destroy();
  await left;
});

test("an answer that breaks off there breaks off here", async () => {
  const active = await serve((_, response) => {
    response.write("one");
    setImmediate(() => response.destroy());
  });
  const answer = await fetch(`http://127.0.0.1:${await standbyOf(active)}/`);
  await assert.rejects(answer.text());
});

test("nobody there, or one that is not active any more and is silent, is no_active_coordinator", async () => {
  const unused = await serve(() => undefined);
  servers.at(-1)?.close();
  const refused = await fetch(`http://127.0.0.1:${await standbyOf(unused)}/`);
  assert.deepEqual([refused.status, await refused.text()], [503, "no_active_coordinator"]);
  const port = await standbyOf(await serve(() => gone.controller.abort()));
  const silent = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "x" });
  assert.deepEqual([silent.status, await silent.text()], [503, "no_active_coordinator"]);
});
