import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { defaultNodeSettings } from "@pomona/shared/core/deployment";
import { defaultDecoding } from "@pomona/shared/core/generation";
import type { NodeStatus } from "@pomona/shared/core/node-status";
import type { ClusterEvent } from "./event.ts";
import { endings, only, replicaOf, starts, statusOf, TestPool, tokens } from "./test-pool.ts";

const decodeTokensPerSecond = 50;

type Node = { readonly nodeId: string; readonly changes?: Partial<NodeStatus>; readonly slots?: number };

/** Nodes that go on telling how they are while time passes. */
class LivingNodes {
  readonly pool: TestPool;
  readonly #nodes: readonly Node[];
  #sequence = 1;

  constructor(nodes: readonly Node[], config: ConstructorParameters<typeof TestPool>[0] = {}) {
    this.pool = new TestPool(config);
    this.pool.deploy();
    this.#nodes = nodes;
    for (const node of nodes) this.pool.join(this.#statusOf(node));
  }

  #statusOf({ nodeId, changes, slots = 2 }: Node): NodeStatus {
    const { speed } = replicaOf("");
    const replica = replicaOf(`r${nodeId}`, { slots, speed: speed && { ...speed, decodeTokensPerSecond } });
    const replicas = [replica];
    return statusOf(nodeId, { replicas, ...changes, sequence: this.#sequence });
  }

  /** In steps of 100 ms, with what else happens in each; returns all starts and moves. */
  wait(ms: number, each: () => void = () => undefined): { readonly starts: string[]; readonly moves: string[] } {
    const all = { starts: [] as string[], moves: [] as string[] };
    for (let passed = 0; passed < ms; passed += 100) {
      this.pool.nowMs += 100;
      this.#sequence += 1;
      each();
      for (const node of this.#nodes) this.#note(all, this.pool.heartbeat(this.#statusOf(node)));
      this.#note(all, this.pool.take({ kind: "tick" }));
    }
    return all;
  }

  #note(all: { readonly starts: string[]; readonly moves: string[] }, effects: ReturnType<TestPool["take"]>): void {
    all.starts.push(...starts(effects));
    for (const { announcement } of only(effects, "announce")) {
      if (announcement.kind === "requestMoved") all.moves.push(`${announcement.requestId}: ${announcement.reason}`);
    }
  }

  /** Sends tokens of a request whose epoch is `epoch`. */
  emit(requestId: string, count: number): void {
    const record = this.pool.state.requests.get(requestId);
    if (record === undefined) return;
    const ids = Array.from({ length: count }, () => 1);
    this.pool.frame(requestId, record.epoch, tokens(record.emittedTokenIds.length, ids));
  }
}

const longAnswer = { decoding: { ...defaultDecoding, maxTokens: 10_000 } };

function drained(nodeId: string): ClusterEvent {
  const settings = { ...defaultNodeSettings, isDraining: true };
  return { kind: "nodeSettingsSet", nodeId, settings, revision: 1 };
}

function nodeOf(pool: TestPool, requestId: string): string {
  const place = pool.state.requests.get(requestId)?.place;
  return place?.kind === "bound" ? place.nodeId : "";
}

function ejectedNodes(pool: TestPool): string[] {
  return [...pool.state.members.values()].filter(({ isEjected }) => isEjected).map(({ nodeId }) => nodeId);
}

describe("a drained node", () => {
  test("gives its streams to others that have a free slot, with all that was emitted", () => {
    const { pool, ...nodes } = poolOf([{ nodeId: "a" }, { nodeId: "b" }]);
    pool.request("q", longAnswer);
    const from = nodeOf(pool, "q");
    nodes.emit("q", 3);
    pool.take(drained(from));
    const { moves } = nodes.wait(100);
    assert.deepEqual(moves, ["q: drained"]);
    const record = pool.state.requests.get("q");
    assert.notEqual(nodeOf(pool, "q"), from);
    assert.deepEqual([record?.epoch, record?.emittedTokenIds.length, record?.moves], [2, 3, 0]);
  });

  test("keeps what has no free slot elsewhere for three seconds, then it waits at its old place", () => {
    const { pool, ...nodes } = poolOf([
      { nodeId: "a", slots: 1 },
      { nodeId: "b", slots: 1 },
    ]);
    for (const id of ["1", "2"]) pool.request(id, longAnswer);
    for (const id of ["1", "2"]) nodes.emit(id, 1);
    const from = nodeOf(pool, "1");
    pool.take(drained(from));
    assert.deepEqual(nodes.wait(2900).moves, []);
    assert.deepEqual(nodes.wait(200).moves, ["1: drained"]);
    assert.equal(pool.state.queue[0]?.requestId, "1");
  });

  test("keeps what nobody else can go on with", () => {
    const { pool, ...nodes } = poolOf([{ nodeId: "a" }]);
    pool.request("q", longAnswer);
    pool.take(drained("a"));
    assert.deepEqual(nodes.wait(5000).moves, []);
    assert.equal(nodeOf(pool, "q"), "a");
  });
});

describe("batch work", () => {
  const busy = (): ReturnType<typeof poolOf> => {
    const pool = poolOf([{ nodeId: "a", slots: 1 }]);
    pool.pool.request("batch", { ...longAnswer, priority: "batch" });
    pool.emit("batch", 2);
    return pool;
  };

  test("makes way for an interactive request that has waited for a second, and goes on afterwards", () => {
    const { pool, ...nodes } = busy();
    nodes.wait(2000);
    pool.request("q", longAnswer);
    assert.deepEqual(nodes.wait(900), { starts: [], moves: [] });
    assert.deepEqual(nodes.wait(200), { starts: ["q/1@a"], moves: ["batch: preempted"] });
    assert.equal(pool.state.requests.get("batch")?.emittedTokenIds.length, 2);
  });

  test("is not moved again and again", () => {
    const { pool, ...nodes } = busy();
    nodes.wait(2000);
    pool.request("q", longAnswer);
    nodes.wait(1500);
    pool.take({ kind: "requestCancelled", requestId: "q" });
    nodes.wait(3000);
    assert.equal(nodeOf(pool, "batch"), "a");
    pool.request("p", longAnswer);
    assert.deepEqual(nodes.wait(5000).moves, []);
  });
});

/** One on each of three nodes, at the usual pace for a while. */
function threeStreams(): ReturnType<typeof poolOf> {
  const nodes = poolOf([{ nodeId: "a" }, { nodeId: "b" }, { nodeId: "c" }]);
  for (const id of threeIds) nodes.pool.request(id, longAnswer);
  for (const id of threeIds) nodes.emit(id, 1);
  assert.equal(new Set(threeIds.map((id) => nodeOf(nodes.pool, id))).size, 3);
  const steady = nodes.wait(5000, atUsualPace(nodes, threeIds));
  assert.deepEqual(steady.moves, []);
  return nodes;
}

/** What 100 ms bring. */
function atUsualPace(nodes: Pick<LivingNodes, "emit">, ids: readonly string[]): () => void {
  return () => {
    for (const id of ids) nodes.emit(id, usual);
  };
}

const threeIds = ["1", "2", "3"];
/** Tokens of 100 ms. */
const usual = decodeTokensPerSecond / 10;

describe("a node that disturbs", () => {
  test("gets no work for a second when it lost a stream, then for two, and so on", () => {
    const { pool, ...nodes } = poolOf([{ nodeId: "a" }, { nodeId: "b" }]);
    for (const seconds of [1, 2, 4]) {
      pool.request(`q${seconds}`, longAnswer);
      // The other one is full, so that it goes to a.
      const epoch = pool.state.requests.get(`q${seconds}`)?.epoch ?? 0;
      const victim = nodeOf(pool, `q${seconds}`);
      pool.fail(`q${seconds}`, epoch, "node_lost");
      const member = pool.state.members.get(victim);
      assert.deepEqual(ejectedNodes(pool), [victim]);
      assert.equal((member?.ejection?.untilMs ?? 0) - pool.nowMs, 1000 * 2 ** ((member?.ejection?.count ?? 0) - 1));
      pool.take({ kind: "requestCancelled", requestId: `q${seconds}` });
      nodes.wait(5000);
      assert.deepEqual(ejectedNodes(pool), []);
    }
  });

  test("is never the last one of a model, and never more than half of all", () => {
    const { pool } = poolOf([{ nodeId: "a" }]);
    pool.request("q", longAnswer);
    pool.fail("q", 1, "node_lost");
    assert.deepEqual(ejectedNodes(pool), []);
    const three = poolOf([{ nodeId: "a" }, { nodeId: "b" }, { nodeId: "c" }]).pool;
    for (const id of ["1", "2", "3"]) three.request(id, longAnswer);
    for (const id of ["1", "2", "3"]) three.fail(id, three.state.requests.get(id)?.epoch ?? 0, "node_lost");
    assert.equal(ejectedNodes(three).length, 1);
  });

  test("loses its streams when it is far slower than it says, and lives", () => {
    const { pool, ...nodes } = poolOf([{ nodeId: "a" }, { nodeId: "b" }]);
    pool.request("q", longAnswer);
    const slow = nodeOf(pool, "q");
    nodes.emit("q", 1);
    const steady = nodes.wait(5000, () => nodes.emit("q", decodeTokensPerSecond / 10));
    assert.deepEqual(steady.moves, []);
    const { moves } = nodes.wait(5000, () => {
      if (nodeOf(pool, "q") !== slow) nodes.emit("q", decodeTokensPerSecond / 10);
      else if (pool.nowMs % 1000 < 100) nodes.emit("q", 1);
    });
    assert.deepEqual(moves, ["q: slow"]);
    assert.deepEqual(pool.state.members.get(slow)?.ejection?.reason, "slow");
  });

  test("is slow within two and a half seconds when it makes a tenth of what others make", () => {
    const { pool, ...nodes } = threeStreams();
    const slow = nodeOf(pool, "1");
    const step = (): void => {
      for (const id of threeIds) {
        if (nodeOf(pool, id) !== slow) nodes.emit(id, usual);
        else if (pool.nowMs % 200 < 100) nodes.emit(id, 1);
      }
    };
    assert.deepEqual(nodes.wait(1500, step).moves, []);
    assert.deepEqual(nodes.wait(1000, step).moves, ["1: slow"]);
    assert.deepEqual(nodes.wait(10_000, step).moves, []);
  });

  test("is not slow when all of them are", () => {
    const { pool, ...nodes } = threeStreams();
    const step = (): void => {
      for (const id of threeIds) if (pool.nowMs % 200 < 100) nodes.emit(id, 1);
    };
    assert.deepEqual(nodes.wait(10_000, step).moves, []);
    assert.deepEqual(ejectedNodes(pool), []);
  });

  test("is not slow when it was silent for two seconds and goes on", () => {
    const { pool, ...nodes } = threeStreams();
    assert.deepEqual(nodes.wait(2000, atUsualPace(nodes, threeIds.slice(1))).moves, []);
    assert.deepEqual(nodes.wait(5000, atUsualPace(nodes, threeIds)).moves, []);
    assert.deepEqual(ejectedNodes(pool), []);
  });

  test("is not slow when one of many streams is left, and no faster than before", () => {
    const { pool, ...nodes } = poolOf(["a", "b", "c"].map((nodeId) => ({ nodeId, slots: 16 })));
    const ids = Array.from({ length: 45 }, (_, index) => `${index}`);
    for (const id of ids) {
      pool.request(id, longAnswer);
      nodes.emit(id, 1);
    }
    const step = (): void => {
      for (const id of pool.state.requests.keys()) nodes.emit(id, 1);
    };
    assert.deepEqual(nodes.wait(5000, step).moves, []);
    const [, ...others] = ids.filter((id) => nodeOf(pool, id) === "a");
    assert.equal(others.length, 14);
    for (const requestId of others) pool.take({ kind: "requestCancelled", requestId });
    assert.deepEqual(nodes.wait(30_000, step).moves, []);
    assert.deepEqual(ejectedNodes(pool), []);
  });

  test("is not slow when its streams have ended", () => {
    const { pool, ...nodes } = poolOf([{ nodeId: "a" }, { nodeId: "b" }]);
    pool.request("q", longAnswer);
    nodes.emit("q", 1);
    nodes.wait(5000, () => nodes.emit("q", decodeTokensPerSecond / 10));
    nodes.wait(1000);
    pool.take({ kind: "requestCancelled", requestId: "q" });
    nodes.wait(10_000);
    assert.deepEqual(ejectedNodes(pool), []);
  });

  test("is left out for frames that no engine can mean", () => {
    const { pool } = poolOf([{ nodeId: "a" }, { nodeId: "b" }]);
    pool.request("q", longAnswer);
    const from = nodeOf(pool, "q");
    pool.frame("q", 1, tokens(5, [1]));
    assert.deepEqual(ejectedNodes(pool), [from]);
    assert.notEqual(nodeOf(pool, "q"), from);
  });
});

test("a token that the model does not have is not believed, and the stream goes on elsewhere", () => {
  const { pool } = poolOf([{ nodeId: "a" }, { nodeId: "b" }]);
  const facts = pool.state.deployments.get("m")?.facts;
  assert.ok(facts);
  Object.assign(facts.sizing, { vocabularySize: 100 });
  pool.request("q", longAnswer);
  const from = nodeOf(pool, "q");
  pool.frame("q", 1, tokens(0, [99]));
  pool.frame("q", 1, tokens(1, [100]));
  assert.deepEqual([nodeOf(pool, "q") === from, pool.state.dropped.brokenOrder], [false, 1]);
  assert.deepEqual(pool.state.requests.get("q")?.emittedTokenIds, [99]);
});

test("a silent node loses its stream after ten times what is predicted, and two seconds at least", () => {
  const { pool, ...nodes } = poolOf([{ nodeId: "a" }, { nodeId: "b" }], { progressMinMs: 2000 });
  pool.request("q", longAnswer);
  nodes.emit("q", 1);
  const from = nodeOf(pool, "q");
  assert.deepEqual(nodes.wait(1900).moves, []);
  assert.deepEqual(nodes.wait(300).moves, ["q: node_lost"]);
  assert.notEqual(nodeOf(pool, "q"), from);
});

test("when every node is gone, those who read an answer are told, and batch work waits", () => {
  const { pool } = poolOf([{ nodeId: "a" }]);
  pool.request("q", longAnswer);
  pool.request("batch", { ...longAnswer, priority: "batch" });
  for (const id of ["q", "batch"]) pool.frame(id, 1, tokens(0, [1]));
  for (const { requestId } of pool.state.requests.values()) assert.equal(nodeOf(pool, requestId), "a");
  for (const record of pool.state.requests.values()) record.wasAccepted = true;
  pool.take({ kind: "linkDown", nodeId: "a" });
  for (const id of ["q", "batch"]) pool.fail(id, 1, "node_lost");
  assert.deepEqual(endings(pool.wait(600)), []);
  assert.deepEqual(endings(pool.wait(100)), ["q: failed node_lost"]);
  assert.equal(pool.state.queue.length, 1);
});

test("time in which the coordinator did not run counts against no node", () => {
  const { pool } = poolOf([{ nodeId: "a" }]);
  pool.request("q", longAnswer);
  pool.frame("q", 1, tokens(0, [1]));
  for (const record of pool.state.requests.values()) record.wasAccepted = true;
  pool.take({ kind: "linkDown", nodeId: "a" });
  pool.fail("q", 1, "node_lost");
  pool.nowMs += 650;
  pool.take({ kind: "wasAway", awayMs: 650 });
  assert.deepEqual(endings(pool.wait(600)), []);
  assert.deepEqual(endings(pool.wait(100)), ["q: failed node_lost"]);
});

test("a prompt that killed two engines is refused for ten minutes, and others are not", () => {
  const { pool, ...nodes } = poolOf([{ nodeId: "a" }, { nodeId: "b" }]);
  const prompt = { promptTokenIds: [6, 6, 6] };
  pool.request("q", prompt);
  pool.fail("q", 1, "engine_crashed");
  nodes.wait(1500);
  assert.deepEqual(endings(pool.fail("q", 2, "engine_crashed")), ["q: failed engine_crashed"]);
  assert.deepEqual(endings(pool.request("again", prompt)), ["again: failed engine_crashed"]);
  assert.deepEqual(endings(pool.request("other", { promptTokenIds: [6, 6, 7] })), []);
  pool.take({ kind: "requestCancelled", requestId: "other" });
  nodes.wait(600_000);
  assert.deepEqual(endings(pool.request("later", prompt)), []);
});

describe("a stream that was moved", () => {
  const other = { version: "9.9.9" };

  test("goes on at an equal engine, also when another one is free", () => {
    const { pool, ...nodes } = poolOf([{ nodeId: "a" }, { nodeId: "b", changes: other }, { nodeId: "c" }]);
    pool.request("q", longAnswer);
    const from = nodeOf(pool, "q");
    assert.notEqual(from, "b");
    nodes.emit("q", 1);
    pool.fail("q", 1, "node_lost");
    assert.equal(nodeOf(pool, "q"), from === "a" ? "c" : "a");
  });

  test("says so when only an engine that is not equal is left", () => {
    const { pool, ...nodes } = poolOf([{ nodeId: "a" }, { nodeId: "b", changes: other }]);
    pool.request("q", longAnswer);
    nodes.emit("q", 1);
    const effects = pool.fail("q", 1, "node_lost");
    const [start] = only(effects, "startAttempt");
    assert.equal(start?.isExact, false);
    const told = only(effects, "announce").map(({ announcement }) => announcement.kind);
    assert.ok(told.includes("resumedUnequal"));
  });
});

function poolOf(
  nodes: readonly Node[],
  config: ConstructorParameters<typeof TestPool>[0] = {},
): { readonly pool: TestPool; readonly wait: LivingNodes["wait"]; readonly emit: LivingNodes["emit"] } {
  const living = new LivingNodes(nodes, config);
  return { pool: living.pool, wait: living.wait.bind(living), emit: living.emit.bind(living) };
}
