import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultCoreConfig } from "./core-config.ts";
import { memberState, takesWork } from "./membership.ts";
import { ending, endings, only, replicaOf, starts, statusOf, TestPool } from "./test-pool.ts";

function memberOf(pool: TestPool, nodeId: string) {
  const member = pool.state.members.get(nodeId);
  assert.ok(member !== undefined);
  return member;
}

for (const { silentMs, isLinkUp, state } of [
  { silentMs: 0, isLinkUp: true, state: "alive" },
  { silentMs: 1499, isLinkUp: true, state: "alive" },
  { silentMs: 1500, isLinkUp: true, state: "suspect" },
  { silentMs: 2499, isLinkUp: true, state: "suspect" },
  { silentMs: 2500, isLinkUp: true, state: "dead" },
  { silentMs: 0, isLinkUp: false, state: "suspect" },
  { silentMs: 1499, isLinkUp: false, state: "suspect" },
  { silentMs: 2499, isLinkUp: false, state: "suspect" },
  { silentMs: 2500, isLinkUp: false, state: "dead" },
]) {
  test(`a node that is silent for ${silentMs} ms with its link ${isLinkUp ? "up" : "down"} is ${state}`, () => {
    const pool = new TestPool();
    pool.join(statusOf("a"));
    const member = memberOf(pool, "a");
    member.isLinkUp = isLinkUp;
    assert.equal(memberState(member, pool.nowMs + silentMs, defaultCoreConfig), state);
  });
}

for (const { incarnation, sequence, is } of [
  { incarnation: 2, sequence: 5, is: "ignored" },
  { incarnation: 2, sequence: 4, is: "ignored" },
  { incarnation: 1, sequence: 9, is: "ignored" },
  { incarnation: 2, sequence: 6, is: "taken" },
  { incarnation: 3, sequence: 1, is: "taken" },
]) {
  test(`after heartbeat (2, 5), heartbeat (${incarnation}, ${sequence}) is ${is}`, () => {
    const pool = new TestPool();
    pool.heartbeat(statusOf("a", { incarnation: 2, sequence: 5 }));
    pool.heartbeat(statusOf("a", { incarnation, sequence, hostname: "new" }));
    assert.equal(memberOf(pool, "a").status.hostname === "new", is === "taken");
  });
}

test("a node is connected at its first heartbeat and gets work only with a link", () => {
  const pool = new TestPool();
  const effects = pool.heartbeat(statusOf("a"));
  assert.deepEqual(only(effects, "connectNode"), [{ kind: "connectNode", nodeId: "a", address: "a:1" }]);
  assert.equal(takesWork(memberOf(pool, "a")), false);
  pool.take({ kind: "linkUp", nodeId: "a" });
  assert.equal(takesWork(memberOf(pool, "a")), true);
});

test("a draining node gets no work, and what it has leaves when it is idle", () => {
  const pool = new TestPool();
  pool.deploy();
  pool.join(statusOf("a", { replicas: [replicaOf("r")] }));
  assert.deepEqual(starts(pool.request("q")), ["q/1@a"]);
  const effects = pool.heartbeat(statusOf("a", { sequence: 2, state: "draining", replicas: [replicaOf("r")] }));
  assert.deepEqual(only(effects, "unloadReplica"), []);
  assert.deepEqual(starts(pool.request("p")), []);
  const ended = pool.frame("q", 1, ending("stop", 0));
  assert.deepEqual(only(ended, "unloadReplica"), []);
  assert.deepEqual(only(pool.wait(500), "unloadReplica"), [{ kind: "unloadReplica", nodeId: "a", replicaId: "r" }]);
});

test("a heartbeat of one node moves the requests of another that died meanwhile", () => {
  const pool = new TestPool();
  pool.deploy();
  pool.join(statusOf("a", { replicas: [replicaOf("ra")] }));
  assert.deepEqual(starts(pool.request("q")), ["q/1@a"]);
  pool.nowMs += 2400;
  pool.join(statusOf("b", { replicas: [replicaOf("rb")] }));
  pool.nowMs += 200;
  const effects = pool.heartbeat(statusOf("b", { sequence: 2, replicas: [replicaOf("rb")] }));
  assert.deepEqual(starts(effects), ["q/2@b"]);
});

test("a higher incarnation takes the old process, its link and its attempts away", () => {
  const pool = new TestPool();
  pool.deploy();
  pool.join(statusOf("a", { replicas: [replicaOf("ra")] }));
  pool.request("q");
  const effects = pool.heartbeat(statusOf("a", { incarnation: 2 }));
  assert.equal(only(effects, "cancelAttempt").length, 1);
  assert.equal(pool.state.queue.length, 1);
  assert.equal(memberOf(pool, "a").isLinkUp, false);
});

test("a broken link brings no new work, and what runs goes on if its call does", () => {
  const pool = new TestPool();
  pool.deploy();
  pool.join(statusOf("a", { replicas: [replicaOf("ra")] }));
  pool.join(statusOf("b", { replicas: [replicaOf("rb")] }));
  const [first] = starts(pool.request("q"));
  const lost = first?.endsWith("@a") === true ? "a" : "b";
  const other = lost === "a" ? "b" : "a";
  assert.deepEqual(starts(pool.take({ kind: "linkDown", nodeId: lost })), []);
  pool.heartbeat(statusOf(lost, { sequence: 2, replicas: [replicaOf(`r${lost}`)] }));
  assert.equal(memberOf(pool, lost).state, "suspect");
  assert.deepEqual(starts(pool.request("p")), [`p/1@${other}`]);
  assert.deepEqual(starts(pool.fail("q", 1, "node_lost")), [`q/2@${other}`]);
});

test("a second address of a node is not taken while the first one works", () => {
  const pool = new TestPool();
  pool.join(statusOf("a"));
  assert.deepEqual(only(pool.heartbeat(statusOf("a", { sequence: 2 }), "other:1"), "connectNode"), []);
  pool.take({ kind: "linkDown", nodeId: "a" });
  const effects = pool.heartbeat(statusOf("a", { sequence: 3 }), "other:1");
  assert.deepEqual(only(effects, "connectNode"), [{ kind: "connectNode", nodeId: "a", address: "other:1" }]);
});

test("no more than the limit of nodes is kept, and the next one is announced", () => {
  const pool = new TestPool({ membersMax: 2 });
  for (const nodeId of ["a", "b"]) pool.heartbeat(statusOf(nodeId));
  const effects = pool.heartbeat(statusOf("c"));
  assert.equal(pool.state.members.size, 2);
  assert.equal(only(effects, "announce")[0]?.announcement.kind, "membersFull");
});

test("only a dead node is forgotten", () => {
  const pool = new TestPool();
  pool.join(statusOf("a"));
  assert.deepEqual(pool.take({ kind: "nodeForgotten", nodeId: "a" }), []);
  pool.wait(2500);
  assert.deepEqual(only(pool.take({ kind: "nodeForgotten", nodeId: "a" }), "disconnectNode").length, 1);
  assert.equal(pool.state.members.size, 0);
});

test("a dead node that sends a heartbeat again is alive again", () => {
  const pool = new TestPool();
  pool.join(statusOf("a"));
  pool.wait(3000);
  assert.equal(memberOf(pool, "a").state, "dead");
  pool.heartbeat(statusOf("a", { sequence: 2 }));
  assert.equal(memberOf(pool, "a").state, "alive");
});

test("nothing is kept of replicas that no node has any more", () => {
  const pool = new TestPool();
  pool.deploy();
  pool.join(statusOf("a", { replicas: [replicaOf("r1")] }));
  pool.request("q");
  assert.deepEqual(endings(pool.take({ kind: "requestCancelled", requestId: "q" })), ["q: cancelled"]);
  pool.heartbeat(statusOf("a", { sequence: 2, replicas: [replicaOf("r2")] }));
  pool.wait(100);
  assert.deepEqual([...pool.state.releasedAtMs.keys()], []);
});
