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

/** A standby of whoever answers at the port, and of `next` after that; its own errors are 503 with their message. */
function standbyOf(port: number, next?: number): Promise<number> {
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
    const active =
      next === undefined ? null : { ...target, httpAddress: `127.0.0.1:${next}`, gone: new AbortController().signal };
    const duty = () => ({ kind: "standby", active }) as const;
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

const id = "0123456789abcdef0123456789abcdef";
const waited = `: pomona request=${id}\n\n: pomona waiting position=1\n\n`;
const whole = 'data: {"text":"all"}\n\ndata: [DONE]\n\n';

/** A stream whose coordinator is killed after `told`; its successor knows nothing of it, and answers it anew. */
async function afterKill(told: string): Promise<{ readonly text: Promise<string>; readonly asked: readonly string[] }> {
  const active = await serve((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream", "x-request-id": "another one's" });
    response.write(told, () => setImmediate(() => response.destroy()));
  });
  const asked: string[] = [];
  const next = await serve((incoming, response) => {
    const from = incoming.headers["last-event-id"];
    incoming.setEncoding("utf8").on("data", (body) => asked.push(`${body} ${from ?? "anew"}`));
    incoming.on("end", () => {
      if (from !== undefined) return void response.writeHead(404).end();
      response.writeHead(200, { "content-type": "text/event-stream" }).end(whole);
    });
  });
  const port = await standbyOf(active, next);
  const answer = await fetch(`http://127.0.0.1:${port}/v1/completions`, { method: "POST", body: "{}" });
  assert.equal(answer.status, 200);
  return { text: answer.text(), asked };
}

test("a stream that was still waiting when its coordinator went is asked for anew", async () => {
  const ping = 'event: ping\ndata: {"type":"ping"}\n\n';
  const withheld = [
    'data: {"te',
    ': pomona stopping\n\nevent: error\ndata: {"error":{"code":"shutting_down"}}\n\ndata: [DONE]\n\n',
  ];
  for (const told of [waited, waited + ping])
    for (const last of ["", ...withheld]) {
      const { text, asked } = await afterKill(told + last);
      assert.equal(await text, told + whole);
      assert.deepEqual(asked, [`{} ${id}`, "{} anew"]);
    }
});

test("one that has begun is not: it would come twice", async () => {
  for (const told of [`${waited}id: ${id}-0.0\ndata: {}\n\n`, `${waited}data: {"text":"a"}\n\n`]) {
    const { text, asked } = await afterKill(told);
    await assert.rejects(text);
    assert.equal(asked.length, 1);
  }
});
