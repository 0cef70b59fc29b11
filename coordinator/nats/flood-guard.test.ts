import assert from "node:assert/strict";
import { test } from "node:test";
import { FloodGuard } from "./flood-guard.ts";

test("a node at its own pace is always read", () => {
  const guard = new FloodGuard();
  for (let nowMs = 0; nowMs < 60_000; nowMs += 100) assert.equal(guard.take("a", nowMs), "read");
});

test("one that floods is not read for ten seconds, is told of once, and nobody else suffers", () => {
  const guard = new FloodGuard();
  const taken = { read: 0, muted: 0, dropped: 0 };
  for (let message = 0; message < 10_000; message += 1) taken[guard.take("flooder", message / 10)] += 1;
  assert.deepEqual([taken.muted, taken.read < 75], [1, true]);
  assert.equal(taken.read + taken.muted + taken.dropped, 10_000);
  assert.equal(guard.take("other", 1000), "read");
  assert.equal(guard.take("flooder", 12_000), "read");
});

test("subjects that somebody makes up do not fill the memory, nor free a flooder", () => {
  const guard = new FloodGuard();
  for (let message = 0; message < 100; message += 1) guard.take("flooder", 0);
  for (let name = 0; name < 5000; name += 1) {
    guard.take(`made-up-${name}`, 1);
    if (name % 500 === 0) assert.equal(guard.take("flooder", 1), "dropped");
  }
});
