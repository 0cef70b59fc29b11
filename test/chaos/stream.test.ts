// The checker itself: what it calls exact, failed and wrong.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { CompletionStream, type Verdict } from "./stream.ts";

const text = (piece: string, id = "cmpl-1"): object => ({ id, choices: [{ text: piece, finish_reason: null }] });
const last = { id: "cmpl-1", choices: [{ text: "", finish_reason: "length" }] };
const usage = { id: "cmpl-1", choices: [], usage: { completion_tokens: 3 } };
const failure = { error: { code: "node_lost", message: "lost" } };
const done = "[DONE]";

const cases: readonly (readonly [string, Verdict, readonly (object | string)[]])[] = [
  ["all of it", "exact", [text("a"), text("bc"), last, usage, done]],
  ["a token twice", "wrong", [text("a"), text("a"), text("bc"), last, usage, done]],
  ["a token lost", "wrong", [text("a"), text("c"), last, usage, done]],
  ["two ids", "wrong", [text("a"), text("bc", "cmpl-2"), last, usage, done]],
  ["two finish reasons", "wrong", [text("abc"), last, last, usage, done]],
  ["no usage", "wrong", [text("abc"), last, done]],
  ["two ends", "wrong", [text("abc"), last, usage, done, done]],
  ["too short, as if whole", "wrong", [text("ab"), last, usage, done]],
  ["an error after a right beginning", "failed", [text("a"), failure]],
  ["an error after a wrong beginning", "wrong", [text("b"), failure]],
  ["an error and an end", "wrong", [text("a"), failure, done]],
  ["an end without [DONE]", "failed", [text("abc"), last, usage]],
];

for (const [name, verdict, events] of cases) {
  test(`a stream with ${name} is ${verdict}`, async (t) => {
    const server = createServer((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (const event of events)
        response.write(`data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`);
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.close());
    // A server that listens on a port has an address of this kind.
    const { port } = server.address() as AddressInfo;
    const http = `http://127.0.0.1:${port}`;
    const stream = new CompletionStream({ http, model: "m", prompt: "p", maxTokens: 3, expected: "abc" });
    await stream.done;
    assert.equal(stream.verdict(), verdict, stream.errors.join());
  });
}
