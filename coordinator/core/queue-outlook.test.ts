import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultDecoding } from "@pomona/shared/core/generation";
import type { SpeedProfile } from "@pomona/shared/core/speed-profile";
import { refuseQueue } from "./admission.ts";
import { defaultCoreConfig } from "./core-config.ts";
import { outlookForNext, outlooksOfWaiting } from "./queue-outlook.ts";
import { ending, endings, only, replicaOf, statusOf, TestPool, tokens } from "./test-pool.ts";

/** Ten tokens a second, whatever runs beside; a prompt of three tokens takes nothing. */
const speed: SpeedProfile = {
  prefillTokensPerSecond: 1e6,
  contextSlowdownTokens: 1e9,
  decodeTokensPerSecond: 10,
  slotSlowdown: 0,
  kvBytesPerToken: 0,
  memoryBytesPerSecond: 1e12,
  restoreBytesPerSecond: 1e9,
  loadBytesPerSecond: 1e9,
};
const hundredTokens = { decoding: { ...defaultDecoding, maxTokens: 100 } };

/** One slot; every answer so far had 100 tokens, so one takes ten seconds. */
function busyPool(config = {}): TestPool {
  const pool = new TestPool(config);
  pool.deploy({ slots: 1, contextLength: 1000 });
  pool.join(statusOf("a", { replicas: [replicaOf("r", { slots: 1, contextLength: 1000, speed })] }));
  for (let count = 0; count < 300; count += 1) pool.state.scheduler.lengthsOf("m").note(100);
  return pool;
}

function beat(pool: TestPool, sequence: number): void {
  const replicas = [replicaOf("r", { slots: 1, contextLength: 1000, speed })];
  pool.heartbeat(statusOf("a", { sequence, replicas }));
}

test("whoever waits is told its place and its time; more progress means less of it", () => {
  const pool = busyPool();
  for (const id of ["1", "2", "3"]) pool.request(id, hundredTokens);
  const outlooks = outlooksOfWaiting(pool.context);
  assert.deepEqual([...outlooks.keys()], ["2", "3"]);
  assert.deepEqual([outlooks.get("2")?.position, outlooks.get("3")?.position], [1, 2]);
  assert.ok(Math.abs((outlooks.get("2")?.expectedWaitMs ?? 0) - 10_000) < 200);
  assert.ok(Math.abs((outlooks.get("3")?.expectedWaitMs ?? 0) - 20_000) < 200);
  pool.frame("1", 1, { kind: "accepted", slot: 0, cachedPromptTokens: 0, cachedChunkLengths: [], promptTokens: 3 });
  pool.frame(
    "1",
    1,
    tokens(
      0,
      Array.from({ length: 60 }, () => 7),
    ),
  );
  assert.ok(Math.abs((outlooksOfWaiting(pool.context).get("2")?.expectedWaitMs ?? 0) - 4000) < 200);
});

test("clients that wait are told every two seconds, and nobody when nobody waits", () => {
  const pool = busyPool();
  pool.request("1", hundredTokens);
  assert.deepEqual(only(pool.wait(1000), "tellWaiting"), []);
  pool.request("2", hundredTokens);
  let told = 0;
  for (let ticks = 0; ticks < 60; ticks += 1) {
    beat(pool, ticks + 2);
    told += only(pool.wait(100), "tellWaiting").length;
  }
  assert.equal(told, 3);
});

test("a full queue refuses with the wait that the next one would have, and works it out once a second", () => {
  const pool = busyPool({ queueLengthMax: 2 });
  for (const id of ["1", "2", "3"]) pool.request(id, hundredTokens);
  const refusal = refuseQueue(pool.context, "m");
  assert.equal(refusal?.code, "queue_full");
  assert.deepEqual([refusal?.queue?.length, refusal?.queue?.position], [2, 3]);
  assert.ok(Math.abs((refusal?.retryAfterMs ?? 0) - 30_000) < 500, String(refusal?.retryAfterMs));
  assert.equal(outlookForNext(pool.context, "m"), refusal?.queue);
  pool.wait(1001);
  assert.notEqual(outlookForNext(pool.context, "m"), refusal?.queue);
});

test("a request that is late by too much is given up with the wait; one that had a slot once is not", () => {
  const scheduler = { ...defaultCoreConfig.scheduler, dueMs: 1000, lateMaxMs: 4000 };
  const pool = busyPool({ scheduler, decodeProgressMs: 1e9, prefillProgressMs: 1e9 });
  pool.request("1", hundredTokens);
  pool.request("2", hundredTokens);
  pool.frame("1", 1, { kind: "accepted", slot: 0, cachedPromptTokens: 0, cachedChunkLengths: [], promptTokens: 3 });
  pool.request("batch", { ...hundredTokens, priority: "batch" });
  for (let sequence = 2; sequence < 8; sequence += 1) {
    pool.nowMs += 900;
    beat(pool, sequence);
    const effects = pool.wait(0);
    for (const { requestId, ending: end } of only(effects, "finish")) {
      assert.equal(requestId, "2");
      assert.equal(end.failure?.code, "deadline_exceeded");
      assert.ok((end.failure?.retryAfterMs ?? 0) > 1000 && end.failure?.queue !== undefined);
    }
  }
  assert.equal(pool.state.requests.has("2"), false);
  assert.equal(pool.state.requests.has("batch"), true);
  // The lost one goes back into the queue, later than it was due, and stays there.
  pool.fail("1", 1, "engine_crashed");
  pool.wait(100);
  assert.equal(pool.state.requests.has("1"), true);
});

test("an unknown number of ready replicas gives no outlook, and a huge queue costs little", () => {
  const pool = busyPool({ queueLengthMax: 2000, queueLengthPerModelMax: 2000 });
  assert.equal(outlookForNext(pool.context, "other"), null);
  for (let count = 0; count < 1500; count += 1) pool.request(`x${count}`, hundredTokens);
  const outlooks = outlooksOfWaiting(pool.context);
  assert.equal(outlooks.size, 1499);
  const positions = [...outlooks.values()].map(({ position }) => position).sort((a, b) => a - b);
  assert.deepEqual([positions[0], positions.at(-1), new Set(positions).size], [1, 1499, 1499]);
  const last = Math.max(...[...outlooks.values()].map(({ expectedWaitMs }) => expectedWaitMs));
  assert.ok(last > 14_000_000 && last < 16_000_000, String(last));
  assert.deepEqual(endings(pool.frame("x0", 1, ending("stop", 0))), ["x0: stop"]);
});
