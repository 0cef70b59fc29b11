import assert from "node:assert/strict";
import { test } from "node:test";
import { LoggedChunkSize } from "./logged-chunk-size.ts";

test("a chunk is as long as small ones may be, and its logits take 16 MiB at most", () => {
  const lengths = [300, 32_000, 128_000, 10_000_000].map((vocabularySize) =>
    new LoggedChunkSize(vocabularySize).next(true),
  );
  assert.deepEqual(lengths, [63, 63, 32, 1]);
});

test("while others run it is cut so that they wait for a quarter of a second, and one token is always taken", () => {
  const size = new LoggedChunkSize(32_000);
  size.observe(50, 500);
  assert.deepEqual([size.next(true), size.next(false)], [25, 63]);
  for (let times = 0; times < 50; times += 1) size.observe(1, 1000);
  assert.equal(size.next(true), 1);
  for (let times = 0; times < 50; times += 1) size.observe(63, 6.3);
  assert.equal(size.next(true), 63);
});
