import assert from "node:assert/strict";
import { test } from "node:test";
import { type Attempt, defaultDecoding, endsUnread } from "@pomona/shared/core/generation";
import type { RunningAttempt } from "@pomona/shared/core/node-status";
import type { Effect } from "./effect.ts";
import { isTakingUp } from "./takeover.ts";
import { ending, endings, only, replicaOf, requestOf, starts, statusOf, TestPool, tokens } from "./test-pool.ts";

const maxTokens = 100;

/** What a node of an earlier coordinator still has. */
type Left = { readonly running?: readonly RunningAttempt[]; readonly ended?: readonly RunningAttempt[] };

function orphan(requestId: string, epoch: number): RunningAttempt {
  return { requestId, epoch, isOrphaned: true };
}

function read(requestId: string, epoch: number): RunningAttempt {
  return { requestId, epoch, isOrphaned: false };
}

class Successor extends TestPool {
  #sequence = 0;

  hear(nodeId: string, { running = [], ended = [] }: Left): Effect[] {
    this.#sequence += 1;
    const replicas = [replicaOf(`r${nodeId}`, { running: [...running] })];
    return this.heartbeat(statusOf(nodeId, { replicas, endedAttempts: [...ended], sequence: this.#sequence }));
  }

  meet(nodeId: string, left: Left = {}): Effect[] {
    return [...this.hear(nodeId, left), ...this.take({ kind: "linkUp", nodeId })];
  }

  /** The node has answered with an attempt of request q. */
  takeUp(nodeId: string, epoch: number, emittedTokenIds: readonly number[] = []): Effect[] {
    const requestId = "q";
    const decoding = { ...defaultDecoding, maxTokens };
    const request = requestOf(requestId, this.nowMs, { decoding });
    const attempt: Attempt = {
      ...{ requestId, epoch, replicaId: `r${nodeId}`, decoding, ...endsUnread },
      ...{ promptTokenIds: request.promptTokenIds, promptChunkLengths: [], emittedTokenIds },
    };
    return this.take({ kind: "attemptTakenUp", nodeId, attempt, request });
  }
}

function successor(): Successor {
  const pool = new Successor();
  pool.deploy();
  return pool;
}

function asked(effects: readonly Effect[]): string[] {
  return only(effects, "takeUpAttempt").map(({ nodeId, requestId, epoch }) => `${requestId}/${epoch}@${nodeId}`);
}

function cancelled(effects: readonly Effect[]): string[] {
  return only(effects, "cancelAttempt").map(({ nodeId, requestId, epoch }) => `${requestId}/${epoch}@${nodeId}`);
}

function delivered(effects: readonly Effect[]): [number, readonly number[]][] {
  return only(effects, "deliver").flatMap(({ frame }) =>
    frame.kind === "tokens" ? [[frame.firstIndex, frame.ids] as [number, readonly number[]]] : [],
  );
}

test("a request may be found until all nodes have told what they run, and for as long as one of them lists it", () => {
  const pool = successor();
  const found = (): boolean[] => ["q", "other", null].map((each) => isTakingUp(pool.context, each));
  assert.deepEqual(found(), [true, true, true]);
  pool.meet("a", { running: [read("q", 1)] });
  pool.nowMs += 2999;
  assert.deepEqual(found(), [true, true, true]);
  pool.nowMs += 1;
  assert.deepEqual(found(), [true, false, false]);
  pool.hear("a", { running: [orphan("q", 1)] });
  assert.deepEqual(found(), [true, false, false]);
  pool.hear("a", {});
  assert.deepEqual(found(), [false, false, false]);
});

test("what nobody reads is asked for when its node is linked, and again after two seconds without an answer", () => {
  const pool = successor();
  const left = { running: [orphan("q", 1), read("other", 1)] };
  assert.deepEqual(asked(pool.hear("a", left)), []);
  assert.deepEqual(asked(pool.take({ kind: "linkUp", nodeId: "a" })), ["q/1@a"]);
  pool.nowMs += 1900;
  assert.deepEqual(asked(pool.hear("a", left)), []);
  pool.nowMs += 100;
  assert.deepEqual(asked(pool.hear("a", left)), ["q/1@a"]);
});

test("an attempt that had ended holds no slot: its replica has room for as many others as it has slots", () => {
  const pool = successor();
  pool.meet("a", { ended: [orphan("q", 1)] });
  pool.takeUp("a", 1);
  assert.equal(pool.state.boundByReplica.size, 0);
  assert.deepEqual(starts([...pool.request("1"), ...pool.request("2")]), ["1/1@a", "2/1@a"]);
  // Its node says the slot that it had: somebody else has that now.
  const accepted = { cachedPromptTokens: 0, cachedChunkLengths: [], promptTokens: 3 };
  pool.frame("q", 1, { kind: "accepted", slot: 0, ...accepted });
  pool.frame("q", 1, tokens(0, [5]));
  assert.deepEqual(endings(pool.frame("q", 1, ending("stop", 1))), ["q: stop"]);
  assert.equal(pool.state.boundByReplica.get("ra")?.size, 2);
});

test("one that runs holds its slot", () => {
  const pool = successor();
  pool.meet("a", { running: [orphan("q", 1)] });
  pool.takeUp("a", 1);
  assert.deepEqual(starts([...pool.request("1"), ...pool.request("2")]), ["1/1@a"]);
});

test("of several attempts of a request the latest is asked for, also when it is heard of last", () => {
  const pool = successor();
  pool.meet("b", { running: [orphan("q", 2)] });
  assert.deepEqual(asked(pool.meet("a", { running: [orphan("q", 1)] })), []);

  const other = successor();
  assert.deepEqual(asked(other.meet("a", { running: [orphan("q", 1)] })), ["q/1@a"]);
  assert.deepEqual(asked(other.meet("b", { running: [orphan("q", 2)] })), ["q/2@b"]);
});

test("a later attempt takes the place of the one that was gone on with, and tells nothing twice", () => {
  const pool = successor();
  pool.meet("a", { running: [orphan("q", 1)] });
  pool.takeUp("a", 1);
  assert.deepEqual(delivered(pool.frame("q", 1, tokens(0, [10, 11, 12]))), [[0, [10, 11, 12]]]);

  pool.meet("b", { running: [orphan("q", 2)] });
  assert.deepEqual(cancelled(pool.takeUp("b", 2, [10])), ["q/1@a"]);
  assert.deepEqual(delivered(pool.frame("q", 1, tokens(3, [13]))), []);
  assert.deepEqual(delivered(pool.frame("q", 2, tokens(1, [11]))), []);
  assert.deepEqual(delivered(pool.frame("q", 2, tokens(2, [12, 13]))), [[3, [13]]]);
  assert.deepEqual(delivered(pool.frame("q", 2, tokens(4, [14]))), [[4, [14]]]);
  assert.deepEqual(endings(pool.frame("q", 2, ending("stop", 5))), ["q: stop"]);
});

test("a later attempt knows more than the one that was gone on with", () => {
  const pool = successor();
  pool.meet("a", { running: [orphan("q", 1)] });
  pool.takeUp("a", 1);
  pool.frame("q", 1, tokens(0, [10]));
  pool.meet("b", { running: [orphan("q", 2)] });
  pool.takeUp("b", 2, [10, 11, 12]);
  assert.deepEqual(pool.state.requests.get("q")?.emittedTokenIds, [10, 11, 12]);
  assert.deepEqual(delivered(pool.frame("q", 2, tokens(3, [13]))), [[3, [13]]]);
});

test("a later attempt also takes the place of one that waits to go on", () => {
  const pool = successor();
  pool.meet("a", { running: [orphan("q", 1)] });
  pool.takeUp("a", 1);
  pool.fail("q", 1, "node_lost");
  assert.equal(pool.state.queue.length, 1);
  pool.meet("b", { ended: [orphan("q", 2)] });
  pool.takeUp("b", 2);
  assert.equal(pool.state.queue.length, 0);
  assert.deepEqual(endings(pool.frame("q", 2, ending("stop", 0))), ["q: stop"]);
});

test("earlier attempts are told to end, and those of requests that have ended", () => {
  const pool = successor();
  pool.meet("b", { running: [orphan("q", 2)] });
  pool.takeUp("b", 2);
  assert.deepEqual(cancelled(pool.meet("a", { running: [orphan("q", 1)] })), ["q/1@a"]);
  assert.deepEqual(cancelled(pool.hear("a", { running: [orphan("q", 1)] })), []);
  pool.take({ kind: "requestCancelled", requestId: "q" });
  pool.nowMs += 2000;
  assert.deepEqual(cancelled(pool.hear("a", { running: [orphan("q", 1)] })), ["q/1@a"]);
  assert.deepEqual(cancelled(pool.hear("b", { running: [read("q", 2)] })), []);
});

test("a request that its client cancels before it is taken up is ended where it runs, and nothing is kept of it later", () => {
  const pool = successor();
  pool.take({ kind: "requestCancelled", requestId: "q" });
  const effects = pool.meet("a", { running: [orphan("q", 1)] });
  assert.deepEqual([asked(effects), cancelled(effects)], [[], ["q/1@a"]]);
  assert.deepEqual(cancelled(pool.takeUp("a", 1)), ["q/1@a"]);
  assert.equal(pool.state.requests.size, 0);
  pool.nowMs += 60_000;
  const known = pool.state.endedAtMs.size;
  pool.take({ kind: "requestCancelled", requestId: "p" });
  assert.equal(pool.state.endedAtMs.size, known, "nothing can be taken up any more");
});

test("a node is told which attempts go on: its own, what is to be taken up, and what another coordinator reads", () => {
  const pool = successor();
  pool.meet("b", { running: [orphan("q", 2)] });
  pool.takeUp("b", 2);
  const effects = pool.meet("a", { running: [orphan("q", 1), orphan("p", 1), read("o", 3)] });
  const named = only(effects, "keepAttempts").flatMap(({ live }) =>
    live.map((each) => `${each.requestId}/${each.epoch}`),
  );
  assert.deepEqual(named, ["p/1", "o/3"]);
});

test("an attempt that answers late is not gone on with when a later one was", () => {
  const pool = successor();
  pool.meet("a", { running: [orphan("q", 1)] });
  pool.meet("b", { running: [orphan("q", 2)] });
  pool.takeUp("b", 2);
  assert.deepEqual(cancelled(pool.takeUp("a", 1)), ["q/1@a"]);
  assert.equal(pool.state.requests.get("q")?.epoch, 2);
});
