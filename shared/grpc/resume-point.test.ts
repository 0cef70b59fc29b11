import assert from "node:assert/strict";
import { test } from "node:test";
import type { InferenceGenerateResponse__Output } from "@pomona/proto/generated/pomona/v1/InferenceGenerateResponse";
import { ResumePoint } from "./resume-point.ts";

const text = (lastIndex: number): InferenceGenerateResponse__Output => ({
  frame: "text",
  text: { text: "x", lastIndex, tokens: [] },
});
const requestId = "a".repeat(32);
const bound: InferenceGenerateResponse__Output = {
  frame: "bound",
  bound: { requestId, nodeId: "", epoch: 1, queueMs: 0, seed: 0, isInexact: false },
};

test("what never began is asked for again by its key", () => {
  const point = new ResumePoint("key");
  assert.deepEqual(point.begin(), { requestId: null, fromIndex: 0, key: "key" });
  assert.ok(point.isNew(bound));
  assert.deepEqual(point.begin(), { requestId, fromIndex: 0, key: "key" });
});

test("frames of the last token that came already are left out, however often the connection is lost", () => {
  const point = new ResumePoint("key");
  const isNew = (...indices: readonly number[]): boolean[] => indices.map((index) => point.isNew(text(index)));
  point.begin();
  assert.deepEqual([point.isNew(bound), ...isNew(0, 3, 3)], [true, true, true, true]);
  assert.deepEqual(point.begin(), { requestId, fromIndex: 3, key: "key" });
  // The token made three frames, two of which have come.
  assert.deepEqual(isNew(3), [false]);
  assert.equal(point.begin().fromIndex, 3);
  assert.deepEqual(isNew(3, 3, 3, 4), [false, false, true, true]);
  assert.equal(point.begin().fromIndex, 4);
  assert.deepEqual(isNew(4, 5), [false, true]);
});

test("pieces of a prompt that came already are left out, wherever they are cut the second time", () => {
  const point = new ResumePoint("key");
  const piece = (firstIndex: number, tokens: number): InferenceGenerateResponse__Output => ({
    frame: "promptLogprobs",
    promptLogprobs: {
      ...{ firstIndex, rowLength: 2, ids: Array<number>(2 * tokens).fill(7) },
      ...{ logprobs: [], texts: Buffer.alloc(0), textLengths: [] },
    },
  });
  assert.deepEqual(
    [piece(0, 4), piece(4, 4), piece(0, 3), piece(3, 5), piece(8, 1)].map((wire) => point.isNew(wire)),
    [true, true, false, false, true],
  );
});

test("a request that is sent again by its key gives what came already once more, and none of it is new", () => {
  const point = new ResumePoint("key");
  for (const index of [0, 1, 1]) assert.ok(point.isNew(text(index)));
  point.begin();
  assert.deepEqual(
    [0, 1, 1, 2].map((index) => point.isNew(text(index))),
    [false, false, false, true],
  );
});
