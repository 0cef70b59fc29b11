import assert from "node:assert/strict";
import { test } from "node:test";
import type { Announcement } from "./core/effect.ts";
import { EventLog, type LoggedEvent } from "./event-log.ts";

const nodeId = "a1b2c3d4".repeat(4);
const failed: Announcement = { kind: "loadFailed", nodeId, model: "qwen", code: "invalid_model", message: "no GGUF" };

/** The next events of a watcher, as many as are asked for. */
async function read(events: AsyncGenerator<LoggedEvent>, count: number): Promise<LoggedEvent[]> {
  const list: LoggedEvent[] = [];
  while (list.length < count) {
    const next = await events.next();
    if (next.done === true) break;
    list.push(next.value);
  }
  return list;
}

test("an event has its time, its subject, and a sentence", async () => {
  const log = new EventLog();
  log.add(failed, 1234);
  const [event] = await read(log.follow({ after: 0 }, AbortSignal.timeout(1000)), 1);
  const text = "qwen could not be loaded on node a1b2c3d4: no GGUF";
  assert.deepEqual(event, { number: 1, atMs: 1234, kind: "loadFailed", nodeId, model: "qwen", text });
});

test("a watcher gets what it missed, then each event as it comes, until it leaves", async () => {
  const log = new EventLog();
  for (let index = 0; index < 5; index += 1) log.add(failed, index);
  const controller = new AbortController();
  const after = log.follow({ after: 3 }, controller.signal);
  const recent = log.follow({ recent: 1 }, controller.signal);
  const none = log.follow({ recent: 0 }, controller.signal);
  const numbers = async (events: AsyncGenerator<LoggedEvent>, count: number) =>
    (await read(events, count)).map(({ number }) => number);
  assert.deepEqual(await numbers(after, 2), [4, 5]);
  assert.deepEqual(await numbers(recent, 1), [5]);
  const next = [numbers(after, 1), numbers(recent, 1), numbers(none, 1)];
  log.add(failed, 9);
  assert.deepEqual(await Promise.all(next), [[6], [6], [6]]);
  const last = read(none, 1);
  controller.abort();
  assert.deepEqual(await last, []);
});

test("the last 1,000 are kept; whoever is slower goes on with the oldest of them", async () => {
  const log = new EventLog();
  const slow = log.follow({ after: 0 }, AbortSignal.timeout(5000));
  for (let index = 0; index < 1500; index += 1) log.add(failed, index);
  const events = await read(slow, 1000);
  assert.deepEqual([events[0]?.number, events.at(-1)?.number], [501, 1500]);
});

test("a number of an earlier start of the coordinator means from the beginning", async () => {
  const log = new EventLog();
  log.add(failed, 1);
  const [event] = await read(log.follow({ after: 77 }, AbortSignal.timeout(1000)), 1);
  assert.equal(event?.number, 1);
});
