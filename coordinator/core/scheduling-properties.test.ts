// Nonsense from outside and clocks that jump: no invariant breaks, and every request ends exactly once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultDecoding, ownScope } from "@pomona/shared/core/generation";
import type { SpeedProfile } from "@pomona/shared/core/speed-profile";
import fc from "fast-check";
import type { Effect } from "./effect.ts";
import { ending, only, replicaOf, statusOf, TestPool, tokens } from "./test-pool.ts";

const wild = fc.oneof(
  fc.double(),
  fc.constantFrom(0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e300, 5e-324),
  fc.nat(),
);
const speed: fc.Arbitrary<SpeedProfile | null> = fc.option(
  fc.record({
    prefillTokensPerSecond: wild,
    contextSlowdownTokens: wild,
    decodeTokensPerSecond: wild,
    slotSlowdown: wild,
    kvBytesPerToken: wild,
    memoryBytesPerSecond: wild,
    restoreBytesPerSecond: wild,
    loadBytesPerSecond: wild,
  }),
);
const bytes = fc.oneof(fc.nat(), fc.constantFrom(0, 8e9, 16e9, 1e15, Number.MAX_SAFE_INTEGER));
const node = fc.constantFrom("a", "b", "c");

const action = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("heartbeat" as const), node, speed, bytes }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("request" as const),
      tenant: fc.oneof(fc.constantFrom("", "x"), fc.string({ maxLength: 5 })),
      priority: fc.constantFrom("interactive" as const, "batch" as const),
      due: fc.option(wild),
      promptTokens: fc.integer({ min: 1, max: 80 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("progress" as const), pick: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("end" as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("fail" as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cancel" as const), pick: fc.nat() }) },
  // A machine that slept: the clock jumps by up to a day.
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.oneof(fc.nat(2000), fc.nat(86_400_000)) }),
  },
);
type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never;

class Fuzzed {
  readonly pool = new TestPool({ queueLengthMax: 20 });
  readonly #running = new Map<string, { epoch: number; sent: number }>();
  readonly #open = new Set<string>();
  #sequence = 0;
  #requests = 0;

  run(step: Action): void {
    if (step.kind === "heartbeat") this.#heartbeat(step);
    else if (step.kind === "request") this.#request(step);
    else if (step.kind === "wait") this.#note(this.pool.wait(step.ms));
    else this.#onRunning(step.kind, step.pick);
  }

  #heartbeat({ node: nodeId, speed: told, bytes: freeBytes }: Action & { kind: "heartbeat" }): void {
    this.#sequence += 1;
    const replicas = [replicaOf(`r-${nodeId}`, { slots: nodeId === "a" ? 1 : 3, speed: told })];
    this.#note(this.pool.heartbeat(statusOf(nodeId, { sequence: this.#sequence, replicas, freeBytes })));
    this.#note(this.pool.take({ kind: "linkUp", nodeId }));
  }

  #request({ tenant, priority, due, promptTokens }: Action & { kind: "request" }): void {
    this.#requests += 1;
    const requestId = String(this.#requests);
    this.#open.add(requestId);
    const promptTokenIds = Array.from({ length: promptTokens }, (_, index) => index);
    const decoding = { ...defaultDecoding, maxTokens: 20, cacheScope: ownScope(tenant) };
    this.#note(this.pool.request(requestId, { tenant, priority, firstTokenDeadlineMs: due, promptTokenIds, decoding }));
  }

  #onRunning(kind: "progress" | "end" | "fail" | "cancel", pick: number): void {
    const requestId = [...(kind === "cancel" ? this.#open : this.#running.keys())].at(-1 - (pick % 3));
    if (requestId === undefined) return;
    const running = this.#running.get(requestId);
    if (kind === "cancel") this.#note(this.pool.take({ kind: "requestCancelled", requestId }));
    else if (running === undefined) return;
    else if (kind === "progress" && running.sent < 20) {
      this.#note(this.pool.frame(requestId, running.epoch, tokens(running.sent, [1])));
      running.sent += 1;
    } else if (kind === "fail") this.#note(this.pool.fail(requestId, running.epoch, "slots_full"));
    else this.#note(this.pool.frame(requestId, running.epoch, ending("stop", running.sent)));
  }

  #note(effects: readonly Effect[]): void {
    for (const { attempt } of only(effects, "startAttempt"))
      this.#running.set(attempt.requestId, { epoch: attempt.epoch, sent: attempt.emittedTokenIds.length });
    for (const { requestId } of only(effects, "finish")) {
      assert.ok(this.#open.delete(requestId), `request ${requestId} ends once`);
      this.#running.delete(requestId);
    }
  }

  /** A day later nothing is open. */
  finish(): void {
    for (let hours = 0; hours < 3 && this.#open.size > 0; hours += 1) this.#note(this.pool.wait(3_600_000));
    assert.deepEqual([...this.#open], []);
    for (const name of ["", "x"]) assert.ok(this.pool.state.scheduler.tenants.served(name) >= 0);
  }
}

test("nonsense speeds, memory, due times and tenants, and clocks that jump, break no invariant", () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
      const fuzzed = new Fuzzed();
      fuzzed.pool.deploy();
      for (const each of actions) fuzzed.run(each);
      fuzzed.finish();
    }),
    { numRuns: 300 },
  );
});

test("a node with absurd speeds and memory is cut to what can be, counted, and told of once", () => {
  const pool = new TestPool();
  const absurd = { prefillTokensPerSecond: Number.NaN, decodeTokensPerSecond: -5, slotSlowdown: 1e9 };
  const sane = {
    contextSlowdownTokens: 1000,
    kvBytesPerToken: 1,
    memoryBytesPerSecond: 1e11,
    restoreBytesPerSecond: 1e9,
    loadBytesPerSecond: 1e9,
  };
  const status = (sequence: number) =>
    statusOf("a", { sequence, freeBytes: 1e18, replicas: [replicaOf("r", { speed: { ...absurd, ...sane } })] });
  const told = [pool.join(status(1)), pool.heartbeat(status(2))].map((effects) =>
    only(effects, "announce").flatMap(({ announcement }) =>
      announcement.kind === "oddReport" ? announcement.what : [],
    ),
  );
  assert.deepEqual(told, [["memory", "speed"], []]);
  assert.equal(pool.state.dropped.oddReports, 2);
  const member = pool.state.members.get("a");
  assert.equal(member?.status.capacity.freeBytes, 16e9);
  const [replica] = member?.status.replicas ?? [];
  const { prefillTokensPerSecond = 0, decodeTokensPerSecond = 0, slotSlowdown = 9 } = replica?.speed ?? {};
  assert.ok(prefillTokensPerSecond > 0 && decodeTokensPerSecond > 0 && slotSlowdown <= 2);
});
