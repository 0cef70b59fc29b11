import assert from "node:assert/strict";
import { test } from "node:test";
import { expectedSpeed } from "@pomona/shared/core/chip-speeds";
import { prefixBlockLength } from "@pomona/shared/core/prefix-hash";
import { ending, failureOf, replicaOf, starts, statusOf, TestPool, tokens } from "./test-pool.ts";

/** A pool with one replica of `slots` slots on each node. */
function poolOf(slots: Readonly<Record<string, number>>): TestPool {
  const pool = new TestPool();
  pool.deploy();
  for (const [nodeId, count] of Object.entries(slots)) {
    pool.join(statusOf(nodeId, { replicas: [replicaOf(`r${nodeId}`, { slots: count })] }));
  }
  return pool;
}

test("requests spread over equal nodes by turns", () => {
  const pool = poolOf({ a: 2, b: 2, c: 2 });
  const nodes = ["1", "2", "3", "4", "5", "6"].flatMap((id) => starts(pool.request(id))).map((start) => start.at(-1));
  assert.deepEqual([...nodes].sort(), ["a", "a", "b", "b", "c", "c"]);
  assert.deepEqual(new Set(nodes.slice(0, 3)), new Set(["a", "b", "c"]));
});

test("short requests one after the other go to the nodes in turn", () => {
  const pool = poolOf({ a: 2, b: 2 });
  const nodes = ["1", "2", "3", "4"].map((id) => {
    const [start] = starts(pool.request(id));
    pool.take({ kind: "requestStopped", requestId: id });
    return start?.at(-1);
  });
  assert.deepEqual(nodes, ["a", "b", "a", "b"]);
});

test("a node with more slots gets more, by the share of its slots that is busy", () => {
  const pool = poolOf({ a: 1, b: 3 });
  const nodes = ["1", "2", "3", "4"].flatMap((id) => starts(pool.request(id))).map((start) => start.at(-1));
  assert.deepEqual([...nodes].sort(), ["a", "b", "b", "b"]);
});

test("a request is bound only when a slot is free, in the order of arrival", () => {
  const pool = poolOf({ a: 1 });
  assert.deepEqual(
    ["1", "2", "3"].flatMap((id) => starts(pool.request(id))),
    ["1/1@a"],
  );
  assert.deepEqual(starts(pool.take({ kind: "requestStopped", requestId: "1" })), ["2/1@a"]);
  assert.deepEqual(starts(pool.take({ kind: "requestCancelled", requestId: "2" })), ["3/1@a"]);
});

test("a model without a free slot does not hold up another", () => {
  const pool = poolOf({ a: 1 });
  pool.deploy({ model: "n" });
  pool.heartbeat(
    statusOf("a", { sequence: 2, replicas: [replicaOf("ra", { slots: 1 }), replicaOf("n", { model: "n" })] }),
  );
  pool.request("1");
  pool.request("2");
  assert.deepEqual(starts(pool.request("3", { model: "n" })), ["3/1@a"]);
});

test("a refusal for want of a slot requeues at the old place, costs no move, and is tried again soon", () => {
  const pool = poolOf({ a: 1 });
  pool.request("1");
  pool.request("2");
  assert.deepEqual(pool.fail("1", 1, "slots_full"), []);
  assert.deepEqual(
    pool.state.queue.map(({ requestId, moves }) => [requestId, moves]),
    [
      ["1", 0],
      ["2", 0],
    ],
  );
  assert.deepEqual(starts(pool.wait(100)), ["1/2@a"]);
});

test("slots that a node runs for somebody else are counted; those of a request that just ended are not", () => {
  const pool = poolOf({ a: 2 });
  const heartbeat = (sequence: number, requestIds: readonly string[]): string[] => {
    const running = requestIds.map((requestId) => ({ requestId, epoch: 1, isOrphaned: false }));
    return starts(pool.heartbeat(statusOf("a", { sequence, replicas: [replicaOf("ra", { running })] })));
  };
  heartbeat(2, ["foreign"]);
  assert.deepEqual(
    ["1", "2"].flatMap((id) => starts(pool.request(id))),
    ["1/1@a"],
  );
  heartbeat(3, ["foreign", "1"]);
  assert.deepEqual(starts(pool.take({ kind: "requestStopped", requestId: "1" })), ["2/1@a"]);
  assert.deepEqual(heartbeat(4, ["1", "2"]), []);
  pool.request("3");
  pool.take({ kind: "requestStopped", requestId: "3" });
  // A second later the node still runs what was to be cancelled: the slot is really taken.
  pool.nowMs += 1000;
  heartbeat(5, ["1", "2"]);
  assert.deepEqual(starts(pool.request("4")), []);
});

test("who had just begun when an engine died runs alone, and a replica is emptied for it after two seconds", () => {
  const pool = poolOf({ a: 2, b: 2 });
  pool.request("1");
  pool.request("2");
  pool.request("3");
  const crashed = [...pool.state.requests.values()].filter(
    ({ place }) => place.kind === "bound" && place.nodeId === "a",
  );
  assert.deepEqual(
    crashed.map(({ requestId }) => requestId),
    ["1", "3"],
  );
  pool.fail("1", 1, "engine_crashed");
  pool.fail("3", 1, "engine_crashed");
  const failed = replicaOf("ra", { state: "failed", failure: failureOf("engine_crashed") });
  assert.deepEqual(starts(pool.heartbeat(statusOf("a", { sequence: 2, replicas: [failed] }))), []);
  assert.deepEqual(starts(pool.request("4")), ["4/1@b"]);
  pool.take({ kind: "requestStopped", requestId: "4" });
  pool.nowMs += 2000;
  pool.heartbeat(statusOf("a", { sequence: 3, replicas: [failed] }));
  pool.heartbeat(statusOf("b", { sequence: 2, replicas: [replicaOf("rb", { slots: 2 })] }));
  assert.deepEqual(starts(pool.request("5")), [], "b has a free slot, and is kept for 1");
  assert.deepEqual(starts(pool.take({ kind: "requestStopped", requestId: "2" })), ["1/2@b"], "3 and 5 wait");
  assert.deepEqual(starts(pool.take({ kind: "requestStopped", requestId: "1" })), ["3/2@b"]);
  assert.deepEqual(starts(pool.take({ kind: "requestStopped", requestId: "3" })), ["5/1@b"]);
});

test("a resume carries what was emitted and the chunks of the first attempt", () => {
  const pool = poolOf({ a: 1, b: 1 });
  const prefill = (evaluatedTokens: number, chunkLength: number) =>
    pool.frame("1", 1, { kind: "prefill", evaluatedTokens, totalTokens: 3, chunkLength });
  pool.request("1");
  pool.frame("1", 1, { kind: "accepted", slot: 0, cachedPromptTokens: 0, cachedChunkLengths: [], promptTokens: 3 });
  prefill(2, 2);
  prefill(3, 1);
  pool.frame("1", 1, tokens(0, [7, 8]));
  const [start] = pool
    .take({
      kind: "attemptFailed",
      requestId: "1",
      epoch: 1,
      failure: failureOf("node_lost"),
    })
    .filter((effect) => effect.kind === "startAttempt");
  assert.equal(start?.attempt.epoch, 2);
  assert.deepEqual(start?.attempt.promptChunkLengths, [2, 1]);
  assert.deepEqual(start?.attempt.emittedTokenIds, [7, 8]);
  assert.equal(start?.nodeId, "b");
});

test("chunks of an attempt that was lost before its first token are forgotten", () => {
  const pool = poolOf({ a: 1, b: 1 });
  pool.request("1");
  pool.frame("1", 1, { kind: "prefill", evaluatedTokens: 2, totalTokens: 3, chunkLength: 2 });
  const effects = pool.fail("1", 1, "node_lost").filter((effect) => effect.kind === "startAttempt");
  assert.deepEqual(effects[0]?.attempt.promptChunkLengths, []);
});

const mac = expectedSpeed({ chip: "Apple M4 Max", gpu: "metal", weightsBytes: 20e9, kvBytesPerToken: 262_144 });

/** One replica as fast as a Mac. */
function macPool(slots: number): TestPool {
  const pool = new TestPool();
  pool.deploy({ slots });
  pool.join(statusOf("a", { replicas: [replicaOf("ra", { slots, speed: { ...mac, restoreBytesPerSecond: 0 } })] }));
  return pool;
}

function promptOf(seed: number, blocks: number): number[] {
  return Array.from({ length: blocks * prefixBlockLength }, (_, index) => seed * 100_000 + index);
}

test("a prompt waits while another one is evaluated there, and begins with that one's first token", () => {
  const pool = macPool(2);
  pool.request("1", { promptTokenIds: promptOf(1, 4) });
  assert.deepEqual(starts(pool.request("2", { promptTokenIds: promptOf(2, 4) })), []);
  assert.deepEqual(starts(pool.frame("1", 1, tokens(0, [1]))), ["2/1@a"]);
});

test("a request that has waited its time still waits for the prompt that is evaluated where it goes", () => {
  const pool = macPool(2);
  pool.request("1", { promptTokenIds: promptOf(1, 4) });
  pool.request("2", { promptTokenIds: promptOf(2, 4) });
  pool.nowMs += pool.config.scheduler.holdMaxMs;
  const replicas = [replicaOf("ra", { slots: 2, speed: { ...mac, restoreBytesPerSecond: 0 } })];
  assert.deepEqual(starts(pool.heartbeat(statusOf("a", { sequence: 2, replicas }))), []);
  assert.deepEqual(starts(pool.frame("1", 1, tokens(0, [1]))), ["2/1@a"]);
});

test("a request waits for the busy slot that holds its conversation when that is cheaper than its whole prompt", () => {
  const pool = macPool(2);
  const first = promptOf(1, 16);
  pool.request("1", { promptTokenIds: first });
  pool.frame("1", 1, tokens(0, [1]));
  assert.deepEqual(starts(pool.request("2", { promptTokenIds: [...first, 1, 2, 3] })), []);
  assert.deepEqual(starts(pool.request("3", { promptTokenIds: promptOf(3, 1) })), ["3/1@a"]);
  pool.frame("3", 1, tokens(0, [1]));
  assert.deepEqual(starts(pool.frame("1", 1, ending("stop", 1))), ["2/1@a"]);
});

test("a prompt of which most is held comes before a shorter one that is new", () => {
  const pool = macPool(1);
  const first = promptOf(1, 16);
  pool.request("1", { promptTokenIds: first });
  pool.request("2", { promptTokenIds: promptOf(2, 4) });
  pool.request("3", { promptTokenIds: [...first, 1, 2, 3] });
  pool.frame("1", 1, tokens(0, [1]));
  assert.deepEqual(starts(pool.frame("1", 1, ending("stop", 1))), ["3/1@a"]);
});

test("a long queue is gone through at most every 10 ms, and the first event after that makes up for it", () => {
  const pool = poolOf({ a: 1, b: 1 });
  for (let index = 0; index < 80; index += 1) pool.request(`${index}`);
  assert.deepEqual(starts(pool.take({ kind: "requestStopped", requestId: "0" })), []);
  pool.nowMs += 9;
  assert.deepEqual(starts(pool.frame("1", 1, tokens(0, [1]))), []);
  pool.nowMs += 1;
  assert.deepEqual(starts(pool.frame("1", 1, tokens(1, [1]))), ["2/1@a"]);
});
