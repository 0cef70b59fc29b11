import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultDecoding } from "@pomona/shared/core/generation";
import fc from "fast-check";
import { ending, failureOf, only, replicaOf, statusOf, TestPool, tokens } from "./test-pool.ts";

const decoding = { ...defaultDecoding, maxTokens: 4 };

type Move = { readonly kind: number; readonly node: number; readonly request: number; readonly ms: number };

const move: fc.Arbitrary<Move> = fc.record({
  kind: fc.nat(11),
  node: fc.nat(2),
  request: fc.nat(7),
  ms: fc.integer({ min: 0, max: 3000 }),
});

const failures = ["node_lost", "slots_full", "engine_crashed", "not_found", "invalid_request"] as const;

/** Plays any move, sensible or not, against a pool of three nodes; the pool checks its invariants after each. */
class Player {
  readonly pool = new TestPool({ queueLengthMax: 4 });
  readonly finished = new Map<string, number>();
  #sequence = 1;
  #requests = 0;

  constructor() {
    this.pool.deploy();
  }

  play({ kind, node, request, ms }: Move): void {
    const { pool } = this;
    const nodeId = `n${node}`;
    const known = [...pool.state.requests.values()];
    const record = known[request % Math.max(1, known.length)];
    const epoch = record === undefined ? 1 : record.epoch - (ms % 5 === 0 ? 1 : 0);
    const requestId = record?.requestId ?? "none";
    const emitted = record?.emittedTokenIds.length ?? 0;
    const actions = [
      () => pool.heartbeat(this.#status(nodeId, ms)),
      () => pool.heartbeat(this.#status(nodeId, ms)),
      () => pool.take({ kind: "linkUp", nodeId }),
      () => pool.take({ kind: "linkDown", nodeId }),
      () => pool.wait(ms),
      () => pool.request(`q${++this.#requests}`, { decoding, deadlineMs: pool.nowMs + ms * 10 }),
      () => pool.request(`q${++this.#requests}`, { decoding }),
      () => pool.take({ kind: "requestCancelled", requestId }),
      () => pool.fail(requestId, epoch, failures[ms % failures.length] ?? "node_lost"),
      () => pool.frame(requestId, epoch, tokens(ms % 7 === 0 ? emitted + 1 : emitted, [1])),
      () => pool.frame(requestId, epoch, ending("stop", emitted)),
      () => pool.take({ kind: "nodeForgotten", nodeId }),
    ];
    for (const finish of only(actions[kind]?.() ?? [], "finish")) {
      this.finished.set(finish.requestId, (this.finished.get(finish.requestId) ?? 0) + 1);
    }
  }

  get requests(): number {
    return this.#requests;
  }

  #status(nodeId: string, ms: number) {
    this.#sequence += 1;
    const incarnation = ms % 11 === 0 ? 2 : 1;
    const state = ms % 3 === 0 ? "failed" : "ready";
    const failure = state === "failed" ? failureOf("engine_crashed") : null;
    const replicas = [replicaOf(`r-${nodeId}-${incarnation}`, { state, failure })];
    return statusOf(nodeId, { incarnation, sequence: this.#sequence, replicas: ms % 13 === 0 ? [] : replicas });
  }
}

test("no sequence of events breaks an invariant, and every request is in the pool or ended once", () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 200 }), (moves) => {
      const player = new Player();
      for (const next of moves) player.play(next);
      for (const [requestId, times] of player.finished) assert.equal(times, 1, `${requestId} ended ${times} times`);
      assert.equal(player.finished.size + player.pool.state.requests.size, player.requests);
    }),
    { numRuns: 300 },
  );
});
