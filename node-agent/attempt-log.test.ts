import assert from "node:assert/strict";
import { test } from "node:test";
import { type Attempt, type AttemptFrame, defaultDecoding, endsUnread } from "@pomona/shared/core/generation";
import { AttemptLog } from "./attempt-log.ts";
import type { AttemptReader } from "./node-port.ts";

const attempt: Attempt = {
  requestId: "a".repeat(32),
  epoch: 1,
  replicaId: "r",
  promptTokenIds: [1],
  promptChunkLengths: [],
  emittedTokenIds: [],
  decoding: { ...defaultDecoding, topLogprobs: 2 },
  ...endsUnread,
};
const accepted: AttemptFrame = {
  kind: "accepted",
  slot: 0,
  cachedPromptTokens: 0,
  cachedChunkLengths: [],
  promptTokens: 1,
};

/** Token ids are a hundred more than their index. */
function tokens(firstIndex: number, count: number): AttemptFrame {
  const indices = Array.from({ length: count }, (_, i) => firstIndex + i);
  return {
    kind: "tokens",
    firstIndex,
    ids: indices.map((index) => 100 + index),
    texts: indices.map((index) => Uint8Array.of(index)),
    logprobs: indices.map((index) => ({ logprob: -index, top: [] })),
  };
}

function open(log: AttemptLog, fromIndex: number, onLeave: (hasEnding: boolean) => void = () => undefined) {
  return log.open(fromIndex, onLeave);
}

/** All that it has for now. */
function drain(reader: AttemptReader): AttemptFrame[] {
  const frames: AttemptFrame[] = [];
  for (let frame = reader.next(); frame !== null; frame = reader.next()) frames.push(frame);
  return frames;
}

test("each reader gets every frame at its own pace, and none of them is copied", () => {
  const log = new AttemptLog(attempt);
  const [early, slow] = [open(log, 0), open(log, 0)];
  const frames = [accepted, tokens(0, 2), tokens(2, 1)];
  for (const frame of frames) {
    log.push(frame);
    assert.equal(early.next(), frame);
  }
  assert.equal(early.next(), null);
  for (const [index, frame] of drain(slow).entries()) assert.equal(frame, frames[index]);
  assert.deepEqual(drain(open(log, 0)), frames);
});

test("a reader from the middle of a frame gets the rest of it, with the log-probabilities of just these tokens", () => {
  const log = new AttemptLog(attempt);
  for (const frame of [accepted, tokens(0, 3), tokens(3, 4), tokens(7, 1)]) log.push(frame);
  assert.deepEqual(drain(open(log, 5)), [accepted, tokens(5, 2), tokens(7, 1)]);
  assert.deepEqual(drain(open(log, 3)), [accepted, tokens(3, 4), tokens(7, 1)]);
  assert.deepEqual(drain(open(log, 8)), [accepted]);
  assert.equal(log.tokens, 8 * 3, "each token with two alternatives");
});

test("a reader that waits is woken by the next frame, by a cut and by others", async () => {
  const log = new AttemptLog(attempt);
  const reader = open(log, 0);
  const woken = reader.wait();
  log.push(accepted);
  await woken;
  assert.equal(reader.next(), accepted);
  const again = reader.wait();
  reader.wake();
  await again;
  assert.equal(reader.next(), null);
  const last = reader.wait();
  log.cut();
  await last;
  assert.throws(() => reader.next(), { code: "not_found", message: /a{32} epoch 1 is not kept/ });
});

test("whoever leaves says whether they have the ending", () => {
  const log = new AttemptLog(attempt);
  const left: boolean[] = [];
  for (const hasEnding of [false, true]) open(log, 0, (has) => left.push(has)).leave(hasEnding);
  assert.deepEqual(left, [false, true]);
});
