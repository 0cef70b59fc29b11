import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultDecoding } from "@pomona/shared/core/generation";
import { ending, endings, failureOf, only, replicaOf, starts, statusOf, TestPool, tokens } from "./test-pool.ts";

function poolWith(nodeIds: readonly string[], config: ConstructorParameters<typeof TestPool>[0] = {}): TestPool {
  const pool = new TestPool(config);
  pool.deploy();
  for (const nodeId of nodeIds) pool.join(statusOf(nodeId, { replicas: [replicaOf(`r${nodeId}`)] }));
  return pool;
}

/** Loses the running attempt, and waits until every node may be asked again. */
function lose(pool: TestPool, epoch: number, code: "node_lost" | "engine_crashed" | "not_found" = "node_lost") {
  const effects = pool.fail("q", epoch, code);
  pool.nowMs += 1000;
  pool.heartbeat(statusOf("a", { sequence: epoch + 1, replicas: [replicaOf("ra")] }));
  return effects;
}

test("tokens pass in order, and the ending tells what they cost", () => {
  const pool = poolWith(["a"]);
  pool.request("q");
  assert.equal(only(pool.frame("q", 1, tokens(0, [5, 6])), "deliver").length, 1);
  const [finish] = only(pool.frame("q", 1, ending("stop", 2)), "finish");
  assert.deepEqual(finish?.ending.usage, { promptTokens: 3, cachedPromptTokens: 0, generatedTokens: 2 });
  assert.deepEqual([pool.state.requests.size, pool.state.boundByReplica.size], [0, 0]);
});

for (const { what, frame } of [
  { what: "a token is left out", frame: tokens(2, [9]) },
  { what: "a token comes twice", frame: tokens(0, [5]) },
  { what: "there are more tokens than asked for", frame: tokens(1, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) },
  { what: "texts are missing", frame: { kind: "tokens", firstIndex: 1, ids: [9], texts: [], logprobs: null } },
  { what: "the ending counts tokens that never came", frame: ending("stop", 2) },
] as const) {
  test(`the attempt is cut off and resumed when ${what}`, () => {
    const pool = poolWith(["a", "b"]);
    pool.request("q");
    pool.frame("q", 1, tokens(0, [5]));
    const effects = pool.frame("q", 1, frame);
    assert.deepEqual([only(effects, "cancelAttempt").length, starts(effects)], [1, ["q/2@b"]]);
    assert.deepEqual(only(effects, "startAttempt")[0]?.attempt.emittedTokenIds, [5]);
    assert.equal(pool.state.dropped.brokenOrder, 1);
  });
}

test("frames of an old epoch and of unknown requests are dropped and counted", () => {
  const pool = poolWith(["a", "b"]);
  pool.request("q");
  pool.fail("q", 1, "node_lost");
  assert.deepEqual(pool.frame("q", 1, tokens(0, [5])), []);
  assert.deepEqual(pool.frame("q", 1, ending("stop", 0)), []);
  assert.deepEqual(pool.fail("q", 1, "node_lost"), []);
  assert.deepEqual(pool.frame("nobody", 1, tokens(0, [5])), []);
  assert.deepEqual(pool.state.dropped, { oldEpoch: 2, unknownRequest: 1, brokenOrder: 0, oddReports: 0 });
});

test("a request that was moved three times fails at the fourth loss with its last reason", () => {
  const pool = poolWith(["a"]);
  pool.request("q");
  for (const epoch of [1, 2, 3]) assert.deepEqual(endings(lose(pool, epoch)), []);
  assert.deepEqual(endings(lose(pool, 4)), ["q: failed node_lost"]);
});

test("a request whose engine crashed twice fails", () => {
  const pool = poolWith(["a"]);
  pool.request("q");
  assert.deepEqual(endings(lose(pool, 1, "engine_crashed")), []);
  assert.deepEqual(endings(lose(pool, 2, "engine_crashed")), ["q: failed engine_crashed"]);
});

test("a request that has all its tokens ends as length when only the ending is lost, however often it moved", () => {
  const pool = poolWith(["a"]);
  pool.request("q", { decoding: { ...defaultDecoding, maxTokens: 2 } });
  for (const epoch of [1, 2, 3]) lose(pool, epoch);
  pool.frame("q", 4, tokens(0, [1, 2]));
  assert.deepEqual(endings(lose(pool, 4)), ["q: length"]);
});

for (const { code, ends } of [
  { code: "node_lost", ends: [] },
  { code: "not_found", ends: [] },
  { code: "failed_precondition", ends: [] },
  { code: "cancelled", ends: [] },
  { code: "slots_full", ends: [] },
  { code: "invalid_request", ends: ["q: failed invalid_request"] },
  { code: "context_length_exceeded", ends: ["q: failed context_length_exceeded"] },
  { code: "internal", ends: ["q: failed internal"] },
] as const) {
  test(`an attempt that fails with ${code} ${ends.length === 0 ? "goes on elsewhere" : "ends the request"}`, () => {
    const pool = poolWith(["a", "b"]);
    pool.request("q");
    const effects = pool.fail("q", 1, code);
    assert.deepEqual(endings(effects), ends);
    assert.deepEqual(starts(effects), ends.length === 0 ? ["q/2@b"] : []);
  });
}

test("a failed ending of the engine counts like a failed call", () => {
  const pool = poolWith(["a", "b"]);
  pool.request("q");
  pool.frame("q", 1, ending("failed", 0, failureOf("engine_crashed")));
  assert.equal(pool.state.requests.get("q")?.engineCrashes, 1);
  assert.deepEqual(starts(pool.wait(200)), ["q/2@b"]);
});

test("a request expires at its deadline, in the queue and on a node, and not before", () => {
  const pool = poolWith(["a"]);
  for (const id of ["1", "2", "3"]) pool.request(id, { deadlineMs: pool.nowMs + 500 });
  assert.deepEqual(endings(pool.wait(499)), []);
  const effects = pool.wait(1);
  assert.deepEqual(
    endings(effects),
    ["1", "2", "3"].map((id) => `${id}: expired deadline_exceeded`),
  );
  assert.equal(only(effects, "cancelAttempt").length, 2);
});

test("cancelling ends a request once, in the queue and on a node; the node is told only where one works on it", () => {
  const pool = poolWith(["a"]);
  for (const id of ["1", "2", "3"]) pool.request(id);
  const waiting = pool.take({ kind: "requestCancelled", requestId: "3" });
  assert.deepEqual([endings(waiting), only(waiting, "cancelAttempt")], [["3: cancelled"], []]);
  const running = pool.take({ kind: "requestCancelled", requestId: "1" });
  assert.deepEqual([endings(running), only(running, "cancelAttempt").length], [["1: cancelled"], 1]);
  assert.deepEqual(pool.take({ kind: "requestCancelled", requestId: "1" }), []);
});

test("a node that sends nothing for too long loses the attempt; each frame gives it new time", () => {
  const pool = poolWith(["a"]);
  pool.request("q");
  let sequence = 1;
  const wait = (ms: number) => {
    pool.nowMs += ms;
    sequence += 1;
    pool.heartbeat(statusOf("a", { sequence, replicas: [replicaOf("ra")] }));
    return only(pool.take({ kind: "tick" }), "cancelAttempt").length;
  };
  assert.equal(wait(29_999), 0);
  pool.frame("q", 1, { kind: "prefill", evaluatedTokens: 1, totalTokens: 3, chunkLength: 1 });
  assert.equal(wait(29_999), 0);
  pool.frame("q", 1, tokens(0, [1]));
  assert.equal(wait(29_999), 0);
  assert.equal(wait(1), 1);
});

test("a lost request goes back to its old place", () => {
  const pool = poolWith(["a"]);
  for (const id of ["1", "2", "3", "4"]) pool.request(id);
  pool.fail("2", 1, "node_lost");
  pool.fail("1", 1, "node_lost");
  assert.deepEqual(
    pool.state.queue.map(({ requestId }) => requestId),
    ["1", "2", "3", "4"],
  );
});

test("requests that wait for a model end when it turns out that no node can load it", () => {
  const pool = new TestPool();
  pool.deploy();
  pool.join(statusOf("a"));
  pool.request("q");
  const replicaId = pool.state.members.get("a")?.loading?.replicaId ?? "";
  pool.take({ kind: "loadFailed", nodeId: "a", replicaId, model: "m", failure: failureOf("invalid_model") });
  assert.deepEqual(endings(pool.wait(100)), ["q: failed model_failed"]);
});

test("a queue that is full ends a new request and takes a moved one back", () => {
  const pool = poolWith(["a"], { queueLengthMax: 2, queueLengthPerModelMax: 1 });
  for (const id of ["1", "2", "3"]) assert.deepEqual(endings(pool.request(id)), []);
  assert.deepEqual(endings(pool.request("4")), ["4: failed queue_full"]);
  pool.deploy({ model: "n", memory: { weightsBytes: 1e12, kvBytes: 0, computeBytes: 0, processBytes: 0 } });
  assert.deepEqual(endings(pool.request("5", { model: "n" })), [], "the limit of one model is not that of another");
  assert.deepEqual(endings(pool.request("6", { model: "n" })), ["6: failed queue_full"]);
  assert.deepEqual(endings(pool.fail("1", 1, "node_lost")), []);
  assert.equal(pool.state.queue.length, 3);
});
