import assert from "node:assert/strict";
import { test } from "node:test";
import { chunkBytes, chunkCount, chunkRange, wholeChunks } from "./chunks.ts";
import { retryDelayMs, retryLimits } from "./retry.ts";
import { emptyTokenBucket, takeTokens } from "./token-bucket.ts";
import { nextUpload, uploadLimits } from "./upload-turns.ts";

test("chunks cover a file without gap or overlap", () => {
  for (const bytes of [1, chunkBytes - 1, chunkBytes, chunkBytes + 1, 3 * chunkBytes + 5]) {
    let next = 0;
    for (let chunk = 0; chunk < chunkCount(bytes); chunk += 1) {
      const { offset, length } = chunkRange(chunk, bytes);
      assert.equal(offset, next);
      assert.ok(length > 0);
      next += length;
    }
    assert.equal(next, bytes);
    assert.equal(wholeChunks(bytes, bytes), chunkCount(bytes));
    assert.equal(wholeChunks(bytes - 1, bytes), chunkCount(bytes) - 1);
  }
});

test("a limited flow passes its rate on average, and a change of the rate counts at once", () => {
  const bucket = emptyTokenBucket();
  let nowMs = 1000;
  for (let passed = 0; passed < 100; passed += 1)
    nowMs += takeTokens(bucket, { bytes: 1e6, bytesPerSecond: 50e6, nowMs });
  assert.ok(Math.abs(nowMs - 1000 - 2000) < 200, `${nowMs - 1000} ms for 100 MB at 50 MB/s`);
  assert.equal(takeTokens(bucket, { bytes: 1e9, bytesPerSecond: null, nowMs }), 0);
  assert.ok(takeTokens(bucket, { bytes: 1e6, bytesPerSecond: 1e6, nowMs }) > 800);
});

test("one receiver is served while it takes what the line gives, others beside one that is slow or after their time", () => {
  const wait = (receiver: string, sinceMs = 0) => ({ receiver, sinceMs });
  const upload = (receiver: string, movedAtMs = 0) => ({ receiver, movedAtMs });
  const cases = [
    { running: [], waiting: [wait("b")], nowMs: 0, next: 0 },
    { running: [upload("a")], waiting: [wait("b"), wait("a")], nowMs: 10, next: null },
    { running: [], waiting: [], nowMs: 10, next: null },
    { running: [], waiting: [wait("b"), wait("a")], nowMs: 10, next: 1 },
    { running: [], waiting: [wait("b"), wait("c")], nowMs: 10, next: 0 },
    { running: [upload("a")], waiting: [wait("b", 20)], nowMs: uploadLimits.idleMs, next: 0 },
    { running: [], waiting: [wait("a", 999), wait("b")], nowMs: uploadLimits.fairMs, next: 1 },
    { running: [upload("a")], waiting: [wait("a"), wait("b")], nowMs: 10, next: 1, bytesPerSecond: 400e6 },
    { running: [upload("a")], waiting: [wait("a")], nowMs: 10, next: null, bytesPerSecond: 400e6 },
  ];
  for (const { nowMs, next, ...state } of cases)
    assert.equal(
      nextUpload({ bytesPerSecond: 1e8, ...state, lastReceiver: "a" }, nowMs),
      next,
      JSON.stringify({ ...state, nowMs }),
    );
  const many = Array.from({ length: uploadLimits.uploadsMax }, () => upload("c", -1e6));
  assert.equal(nextUpload({ running: many, waiting: [wait("a")], lastReceiver: "a", bytesPerSecond: 0 }, 0), null);
});

test("a source is asked again after growing waits, and given up at last", () => {
  const waits = [1, 2, 3, 4, 5].map((failures) => retryDelayMs(failures, 0.5));
  assert.deepEqual(waits, [500, 1000, 2000, 4000, null]);
  assert.equal(retryLimits.failuresMax, 5);
});
