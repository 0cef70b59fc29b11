import assert from "node:assert/strict";
import { test } from "node:test";
import { type AttemptFrame, defaultDecoding } from "@pomona/shared/core/generation";
import { packPrompt, unpackPrompt } from "@pomona/shared/core/prompt-logprobs";
import type { Effect } from "./effect.ts";
import { ending, only, replicaOf, starts, statusOf, TestPool, tokens } from "./test-pool.ts";

const prompt = [5, 6, 7, 8];
const decoding = { ...defaultDecoding, maxTokens: 10, topLogprobs: 1, logsPrompt: true };

function poolWithRequest(): TestPool {
  const pool = new TestPool();
  pool.deploy();
  for (const nodeId of ["a", "b"]) pool.join(statusOf(nodeId, { replicas: [replicaOf(`r${nodeId}`)] }));
  pool.request("q", { promptTokenIds: prompt, decoding });
  return pool;
}

/** Tokens of the prompt from a place on; `topCount` is one by default. */
function piece(firstIndex: number, ids: readonly number[], topCount = 1): AttemptFrame {
  const text = new Uint8Array(1);
  const rows = ids.map((id, place) => {
    const top = Array.from({ length: topCount }, () => ({ id: 9, text, logprob: -1 }));
    return { id, text, logprobs: firstIndex + place === 0 ? null : { logprob: -id, top } };
  });
  return { kind: "promptLogprobs", logprobs: packPrompt(firstIndex, topCount, rows) };
}

/** Tokens of the prompt that were passed on, as place:id. */
function told(effects: readonly Effect[]): string[] {
  return only(effects, "deliver").flatMap(({ frame }) => {
    if (frame.kind !== "promptLogprobs") return [];
    const { firstIndex } = frame.logprobs;
    return [...unpackPrompt(frame.logprobs)].map(({ id }, place) => `${firstIndex + place}:${id}`);
  });
}

test("a prompt that is told again after a loss, in other pieces, is passed on once", () => {
  const pool = poolWithRequest();
  assert.deepEqual(told(pool.frame("q", 1, piece(0, [5, 6]))), ["0:5", "1:6"]);
  assert.deepEqual(starts(pool.fail("q", 1, "node_lost")), ["q/2@b"]);
  assert.deepEqual(told(pool.frame("q", 2, piece(0, [5]))), []);
  assert.deepEqual(told(pool.frame("q", 2, piece(1, [6, 7, 8]))), ["2:7", "3:8"]);
  assert.equal(only(pool.frame("q", 2, tokens(0, [1])), "deliver").length, 1);
  const [finish] = only(pool.frame("q", 2, ending("stop", 1)), "finish");
  assert.equal(finish?.ending.reason, "stop");
  assert.equal(pool.state.dropped.brokenOrder, 0);
});

for (const { what, frames } of [
  { what: "leaves tokens of it out", frames: [piece(0, [5]), piece(2, [7])] },
  { what: "tells of other tokens", frames: [piece(0, [5, 9])] },
  { what: "tells more than there are", frames: [piece(0, [5, 6, 7, 8, 9])] },
  { what: "tells other alternatives than were asked for", frames: [piece(0, [5, 6], 2)] },
  { what: "begins the answer before all of it is told", frames: [piece(0, [5, 6]), tokens(0, [1])] },
]) {
  test(`a node that ${what} is not believed, and the request goes on elsewhere`, () => {
    const pool = poolWithRequest();
    const effects = frames.map((frame) => pool.frame("q", 1, frame)).at(-1) ?? [];
    assert.deepEqual(starts(effects), ["q/2@b"]);
    assert.equal(pool.state.dropped.brokenOrder, 1);
  });
}

test("a prompt of which nobody asked is not passed on", () => {
  const pool = poolWithRequest();
  pool.request("r", { promptTokenIds: prompt });
  assert.deepEqual(told(pool.frame("r", 1, piece(0, [5]))), []);
});
