import assert from "node:assert/strict";
import { test } from "node:test";
import { PeerLines } from "./peer-lines.ts";
import { giveRoom, noPeerStates, takeRoom } from "./peer-state-limits.ts";

const dayMs = 86_400_000;

test("states of others take no more than the limit at a time, nor in a day", () => {
  const use = noPeerStates();
  const limits = { bytesMax: 100, writeBytesPerDay: 250 };
  const take = (bytes: number, nowMs: number): boolean => takeRoom(use, bytes, { nowMs, limits });
  assert.equal(take(101, 0), false);
  assert.equal(take(60, 0), true);
  assert.equal(take(60, 1), false);
  giveRoom(use, 60);
  for (const atMs of [2, 3, 4]) {
    assert.equal(take(60, atMs), true);
    giveRoom(use, 60);
  }
  // 240 were written.
  assert.equal(take(60, 5), false);
  assert.equal(take(10, 5), true);
  giveRoom(use, 10);
  assert.equal(take(60, dayMs + 1), true);
  assert.equal(use.heldBytes, 60);
});

test("a node that takes no states takes none", () => {
  const limits = { bytesMax: 0, writeBytesPerDay: 1e9 };
  assert.equal(takeRoom(noPeerStates(), 1, { nowMs: 0, limits }), false);
});

test("a line is as fast as its fastest file, or as its last state", () => {
  const lines = new PeerLines();
  lines.filePieceCame("a:1", 2e6, 10);
  lines.filePieceCame("a:1", 2e6, 1000);
  assert.deepEqual(lines.lines, [{ address: "a:1", bytesPerSecond: 2e8 }]);
  lines.stateCame("a:1", 2e6, 100);
  assert.deepEqual(lines.lines, [{ address: "a:1", bytesPerSecond: 2e7 }]);
});

test("what is small says nothing of a line, and the longest unheard of are forgotten", () => {
  const lines = new PeerLines();
  lines.filePieceCame("small:1", 1000, 1);
  lines.filePieceCame("timeless:1", 2e6, 0);
  assert.equal(lines.lines.length, 0);
  for (let peer = 0; peer < 70; peer += 1) lines.stateCame(`${peer}:1`, 2e6, 10);
  assert.equal(lines.lines.length, 64);
  assert.equal(lines.lines[0]?.address, "6:1");
});
