import assert from "node:assert/strict";
import { test } from "node:test";
import type { ErrorCode } from "@pomona/shared/core/errors";
import type { Effect } from "./effect.ts";
import { failureOf, memoryOf, only, replicaOf, statusOf, TestPool } from "./test-pool.ts";
import { modelSummaries } from "./views.ts";

/** What is asked to load, as `model@node`. */
function loads(effects: readonly Effect[]): string[] {
  return only(effects, "loadReplica").map(({ nodeId, spec }) => `${spec.model}@${nodeId}`);
}

function loadingReplica(pool: TestPool, nodeId: string): string {
  const loading = pool.state.members.get(nodeId)?.loading ?? null;
  assert.ok(loading !== null, `node ${nodeId} loads something`);
  return loading.replicaId;
}

function failLoad(pool: TestPool, nodeId: string, code: ErrorCode): Effect[] {
  const replicaId = loadingReplica(pool, nodeId);
  return pool.take({ kind: "loadFailed", nodeId, replicaId, model: "m", failure: failureOf(code) });
}

function stateOf(pool: TestPool, model: string): string | undefined {
  return modelSummaries(pool.context).find(({ name }) => name === model)?.state;
}

test("every node with room gets one replica, one load at a time, the biggest model first", () => {
  const pool = new TestPool();
  pool.deploy({ model: "small", memory: memoryOf(2) });
  pool.deploy({ model: "big", memory: memoryOf(10) });
  assert.deepEqual(loads(pool.join(statusOf("a"))), ["big@a"]);
  assert.deepEqual(loads(pool.join(statusOf("b", { freeBytes: 9e9 }))), ["small@b"]);
  assert.deepEqual(loads(pool.join(statusOf("c", { freeBytes: 1e9 }))), []);
  assert.deepEqual(loads(pool.wait(100)), []);
  const replica = replicaOf(loadingReplica(pool, "a"), { model: "big", memory: memoryOf(10) });
  assert.deepEqual(loads(pool.take({ kind: "replicaLoaded", nodeId: "a", replica })), ["small@a"]);
});

test("the memory of a replica that was just loaded is not given away again before the next heartbeat", () => {
  const pool = new TestPool();
  pool.deploy({ model: "big", memory: memoryOf(10) });
  pool.deploy({ model: "middle", memory: memoryOf(8) });
  assert.deepEqual(loads(pool.join(statusOf("a"))), ["big@a"]);
  const replica = replicaOf(loadingReplica(pool, "a"), { model: "big", memory: memoryOf(10) });
  assert.deepEqual(loads(pool.take({ kind: "replicaLoaded", nodeId: "a", replica })), []);
  assert.equal(stateOf(pool, "middle"), "idle");
});

test("a variant of a file that a node has mapped is placed where only its own part fits, another file is not", () => {
  const pool = new TestPool();
  const memory = { ...memoryOf(12), kvBytes: 2e9, mappedBytes: 12e9 };
  pool.deploy({ model: "plain", source: "/m.gguf", memory });
  assert.deepEqual(loads(pool.join(statusOf("a"))), ["plain@a"]);
  pool.deploy({ model: "other", source: "/other.gguf", memory });
  pool.deploy({ model: "variant", source: "/m.gguf", memory });
  const listed = { model: "plain", memory: { ...memory, mappedFile: "1:2" } };
  const replica = replicaOf(loadingReplica(pool, "a"), listed);
  assert.deepEqual(loads(pool.take({ kind: "replicaLoaded", nodeId: "a", replica })), ["variant@a"]);
  assert.equal(stateOf(pool, "other"), "idle");
  const variant = replicaOf(loadingReplica(pool, "a"), { ...listed, model: "variant" });
  assert.deepEqual(loads(pool.take({ kind: "replicaLoaded", nodeId: "a", replica: variant })), []);
});

test("a heartbeat from before the end of a load does not make the replica load twice", () => {
  const pool = new TestPool();
  pool.deploy();
  pool.join(statusOf("a"));
  const replica = replicaOf(loadingReplica(pool, "a"));
  pool.take({ kind: "replicaLoaded", nodeId: "a", replica });
  assert.deepEqual(loads(pool.heartbeat(statusOf("a", { sequence: 2 }))), []);
  assert.equal(stateOf(pool, "m"), "ready");
  pool.nowMs += 1000;
  assert.deepEqual(loads(pool.heartbeat(statusOf("a", { sequence: 3 }))), ["m@a"]);
});

test("a replica that is to go is asked for again when the line that it was asked over broke", () => {
  const pool = new TestPool();
  const unloads = (effects: readonly Effect[]): string[] =>
    only(effects, "unloadReplica").map((each) => each.replicaId);
  const beat = (sequence: number) => pool.heartbeat(statusOf("a", { sequence, replicas: [replicaOf("ra")] }));
  pool.deploy();
  pool.join(statusOf("a", { replicas: [replicaOf("ra")] }));
  assert.deepEqual(unloads(pool.take({ kind: "deploymentRemoved", model: "m" })), ["ra"]);
  pool.nowMs += 1000;
  assert.deepEqual(unloads(beat(2)), []);
  pool.take({ kind: "linkDown", nodeId: "a" });
  assert.deepEqual(unloads(pool.take({ kind: "linkUp", nodeId: "a" })), ["ra"]);
});

test("a failed load is tried again after 2, 4, 8, 16 and 32 seconds, then no more", () => {
  const pool = new TestPool();
  pool.deploy();
  let sequence = 1;
  const pause = (ms: number): string[] => {
    pool.nowMs += ms;
    sequence += 1;
    return loads(pool.heartbeat(statusOf("a", { sequence })));
  };
  pool.join(statusOf("a"));
  for (const waitMs of [2000, 4000, 8000, 16_000, 32_000]) {
    failLoad(pool, "a", "engine_crashed");
    assert.deepEqual(pause(waitMs - 1), [], `${waitMs} ms`);
    assert.deepEqual(pause(500), ["m@a"], `${waitMs} ms`);
  }
  failLoad(pool, "a", "engine_crashed");
  assert.deepEqual(pause(1_000_000), []);
  assert.equal(stateOf(pool, "m"), "failed");
  pool.heartbeat(statusOf("a", { incarnation: 2 }));
  assert.deepEqual(loads(pool.take({ kind: "linkUp", nodeId: "a" })), ["m@a"]);
});

for (const { code, isTriedAgain, state } of [
  { code: "invalid_model", isTriedAgain: false, state: "failed" },
  { code: "model_not_ready", isTriedAgain: false, state: "failed" },
  { code: "insufficient_memory", isTriedAgain: true, state: "loading" },
  { code: "engine_crashed", isTriedAgain: true, state: "loading" },
  { code: "node_lost", isTriedAgain: true, state: "loading" },
] as const) {
  test(`a load that failed with ${code} is ${isTriedAgain ? "" : "not "}tried again`, () => {
    const pool = new TestPool();
    pool.deploy();
    pool.join(statusOf("a"));
    failLoad(pool, "a", code);
    assert.equal(stateOf(pool, "m"), state);
    pool.nowMs += 2000;
    assert.equal(loads(pool.heartbeat(statusOf("a", { sequence: 2 }))).length, isTriedAgain ? 1 : 0);
  });
}

test("a replica that crashed is loaded again at once, and after that with growing pauses but without end", () => {
  const pool = new TestPool();
  pool.deploy();
  let sequence = 1;
  const heartbeat = (replicaId: string, state: "ready" | "failed"): string[] => {
    sequence += 1;
    const failure = state === "failed" ? failureOf("engine_crashed") : null;
    return loads(pool.heartbeat(statusOf("a", { sequence, replicas: [replicaOf(replicaId, { state, failure })] })));
  };
  pool.join(statusOf("a"));
  for (const waitMs of [0, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
    const replicaId = loadingReplica(pool, "a");
    pool.take({ kind: "replicaLoaded", nodeId: "a", replica: replicaOf(replicaId) });
    heartbeat(replicaId, "ready");
    const atOnce = heartbeat(replicaId, "failed");
    assert.deepEqual(atOnce, waitMs === 0 ? ["m@a"] : [], `${waitMs} ms`);
    if (waitMs === 0) continue;
    pool.nowMs += waitMs - 1;
    assert.deepEqual(heartbeat(replicaId, "failed"), [], `${waitMs} ms`);
    pool.nowMs += 500;
    assert.deepEqual(heartbeat(replicaId, "failed"), ["m@a"], `${waitMs} ms`);
  }
});

test("the answer to a load of an earlier process is not believed", () => {
  const pool = new TestPool();
  pool.deploy();
  pool.join(statusOf("a"));
  const replica = replicaOf(loadingReplica(pool, "a"));
  pool.heartbeat(statusOf("a", { incarnation: 2 }));
  pool.take({ kind: "replicaLoaded", nodeId: "a", replica });
  assert.deepEqual(pool.state.members.get("a")?.status.replicas, []);
});

test("replicas of an earlier coordinator are adopted; what nobody asks for is unloaded when it is idle", () => {
  const pool = new TestPool();
  pool.deploy();
  const running = [{ requestId: "foreign", epoch: 1, isOrphaned: false }];
  const stray = replicaOf("old-2", { model: "gone", running });
  const effects = pool.join(statusOf("a", { replicas: [replicaOf("old-1"), stray] }));
  assert.deepEqual([loads(effects), only(effects, "unloadReplica")], [[], []]);
  assert.equal(stateOf(pool, "m"), "ready");
  const idle = [replicaOf("old-1"), replicaOf("old-2", { model: "gone" })];
  pool.nowMs += 500;
  const later = pool.heartbeat(statusOf("a", { sequence: 2, replicas: idle }));
  assert.deepEqual(only(later, "unloadReplica"), [{ kind: "unloadReplica", nodeId: "a", replicaId: "old-2" }]);
  assert.deepEqual(only(pool.heartbeat(statusOf("a", { sequence: 3, replicas: idle })), "unloadReplica"), []);
});

test("an adopted replica whose context is too short goes on until the one that takes its place is ready", () => {
  const pool = new TestPool();
  pool.deploy({ contextLength: 200 });
  const effects = pool.join(statusOf("a", { replicas: [replicaOf("old", { contextLength: 100 })] }));
  assert.deepEqual([loads(effects), only(effects, "unloadReplica")], [["m@a"], []]);
  const replica = replicaOf(loadingReplica(pool, "a"), { contextLength: 200 });
  const later = pool.take({ kind: "replicaLoaded", nodeId: "a", replica });
  assert.deepEqual(only(later, "unloadReplica"), [{ kind: "unloadReplica", nodeId: "a", replicaId: "old" }]);
});

test("what makes room elsewhere is moved again when the node that it was moved to is lost", () => {
  const pool = new TestPool();
  pool.deploy({ model: "small", replicas: { min: 1, max: 1 } });
  pool.deploy({ model: "big", memory: memoryOf(15), replicas: { min: 1, max: 1 } });
  pool.join(statusOf("a", { freeBytes: 12e9, replicas: [replicaOf("old", { model: "small" })] }));
  const lost = { freeBytes: 5e9 };
  assert.deepEqual(loads(pool.join(statusOf("b", lost))), ["small@b"]);
  assert.deepEqual(loads(pool.join(statusOf("b", { ...lost, incarnation: 2 }))), ["small@b"]);
  const replica = replicaOf(loadingReplica(pool, "b"), { model: "small" });
  const left = pool.take({ kind: "replicaLoaded", nodeId: "b", replica });
  assert.deepEqual(only(left, "unloadReplica"), [{ kind: "unloadReplica", nodeId: "a", replicaId: "old" }]);
  assert.deepEqual(loads(pool.heartbeat(statusOf("a", { sequence: 2 }))), ["big@a"]);
});

test("what stays after all because another one was lost meanwhile can make room later", () => {
  const pool = new TestPool();
  pool.deploy({ model: "small", replicas: { min: 2, max: 2 } });
  pool.deploy({ model: "big", memory: memoryOf(15), replicas: { min: 1, max: 1 } });
  const small = (replicaId: string) => ({ replicas: [replicaOf(replicaId, { model: "small" })] });
  pool.join(statusOf("c", { freeBytes: 1e9, ...small("other") }));
  pool.join(statusOf("a", { freeBytes: 12e9, ...small("old") }));
  assert.deepEqual(loads(pool.join(statusOf("b", { freeBytes: 5e9 }))), ["small@b"]);
  const replica = replicaOf(loadingReplica(pool, "b"), { model: "small" });
  pool.heartbeat(statusOf("c", { freeBytes: 1e9, incarnation: 2, sequence: 2 }));
  assert.deepEqual(only(pool.take({ kind: "replicaLoaded", nodeId: "b", replica }), "unloadReplica"), []);
  assert.deepEqual(loads(pool.join(statusOf("d", { freeBytes: 5e9 }))), ["small@d"]);
});

test("what was to leave for its new place still does when the one comes back that it stayed for", () => {
  const pool = new TestPool();
  pool.deploy({ model: "small", replicas: { min: 2, max: 2 } });
  pool.deploy({ model: "big", memory: memoryOf(15), replicas: { min: 1, max: 1 } });
  const nodes = {
    c: { freeBytes: 1e9, replicas: [replicaOf("other", { model: "small" })] },
    a: { freeBytes: 12e9, replicas: [replicaOf("old", { model: "small" })] },
    b: { freeBytes: 5e9 },
  };
  for (const [nodeId, node] of Object.entries(nodes)) pool.join(statusOf(nodeId, node));
  const replica = replicaOf(loadingReplica(pool, "b"), { model: "small" });
  pool.nowMs += 2400;
  for (const nodeId of ["a", "b"] as const) pool.heartbeat(statusOf(nodeId, { ...nodes[nodeId], sequence: 2 }));
  pool.wait(200);
  assert.equal(pool.state.members.get("c")?.state, "dead");
  assert.deepEqual(only(pool.take({ kind: "replicaLoaded", nodeId: "b", replica }), "unloadReplica"), []);
  const isBack = pool.join(statusOf("c", { ...nodes.c, sequence: 2 }));
  assert.deepEqual(only(isBack, "unloadReplica"), [{ kind: "unloadReplica", nodeId: "a", replicaId: "old" }]);
});

test("a model whose file cannot be read is failed and loaded nowhere", () => {
  const pool = new TestPool();
  pool.deploy();
  pool.sources.clear();
  assert.deepEqual(loads(pool.join(statusOf("a"))), []);
  assert.equal(stateOf(pool, "m"), "failed");
});

test("a big model that waits for its next try keeps its room", () => {
  const pool = new TestPool();
  pool.deploy({ memory: memoryOf(10) });
  pool.deploy({ model: "middle", memory: memoryOf(8) });
  pool.deploy({ model: "small", memory: memoryOf(2) });
  pool.join(statusOf("a"));
  assert.deepEqual(loads(failLoad(pool, "a", "engine_crashed")), ["small@a"]);
});
