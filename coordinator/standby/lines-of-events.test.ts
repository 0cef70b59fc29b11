import assert from "node:assert/strict";
import { test } from "node:test";
import { LinesOfEvents } from "./lines-of-events.ts";

test("each event's data is a line, and nothing else of it", () => {
  const lines = new LinesOfEvents();
  const take = (events: string): string => lines.take(Buffer.from(events)).toString();
  assert.equal(take(': waiting\n\nid: a-0\ndata: {"response":"ä"}\n\n'), '{"response":"ä"}\n');
  assert.equal(take(": waiting\n\n"), "");
  assert.equal(take('data: {"error":"a"}\n\ndata: {"b":1}\n\n'), '{"error":"a"}\n{"b":1}\n');
});

test("data that comes in pieces is one line, wherever they end", () => {
  const event = Buffer.from('id: a-0\ndata: {"response":"äö"}\n\nid: a-1\ndata: {}\n\n');
  const begin = event.indexOf("{");
  for (let first = begin; first < event.indexOf("\n\n"); first += 1) {
    const lines = new LinesOfEvents();
    const pieces = [event.subarray(0, first), event.subarray(first, first + 1), event.subarray(first + 1)];
    const shown = Buffer.concat(pieces.map((piece) => lines.take(piece))).toString();
    assert.equal(shown, '{"response":"äö"}\n{}\n', `cut at ${first}`);
  }
});
