import assert from "node:assert/strict";
import { test } from "node:test";
import type { SpeedProfile } from "@pomona/shared/core/speed-profile";
import fc from "fast-check";
import { Candidate, type CandidateParts } from "./candidate.ts";
import { HeldPrefixes } from "./held-prefixes.ts";
import { OutputLengths } from "./output-lengths.ts";
import { forecastQueue, type Planning, planModel } from "./plan.ts";
import { defaultSchedulerConfig } from "./scheduler-state.ts";
import { Tenants } from "./tenants.ts";
import type { WaitingRequest } from "./waiting-request.ts";

/** 200 prompt tokens and 20 tokens a second, whatever runs beside. */
const speed: SpeedProfile = {
  prefillTokensPerSecond: 200,
  contextSlowdownTokens: 1e9,
  decodeTokensPerSecond: 20,
  slotSlowdown: 0,
  kvBytesPerToken: 0,
  memoryBytesPerSecond: 1e12,
  restoreBytesPerSecond: 1e9,
  loadBytesPerSecond: 1e9,
};

function candidate(replicaId: string, changes: Partial<CandidateParts> = {}): Candidate {
  return new Candidate({
    nodeId: `node of ${replicaId}`,
    replicaId,
    slots: 1,
    speed,
    held: null,
    running: [],
    foreign: 0,
    avoidSeconds: 0,
    lastBinding: 0,
    busyNeighbours: 0,
    neighbourStreams: 0,
    ...changes,
  });
}

function slower(factor: number): SpeedProfile {
  const { prefillTokensPerSecond, decodeTokensPerSecond } = speed;
  return {
    ...speed,
    prefillTokensPerSecond: prefillTokensPerSecond / factor,
    decodeTokensPerSecond: decodeTokensPerSecond / factor,
  };
}

/** Every answer so far had 100 tokens: five seconds. */
function planningOf(candidates: readonly Candidate[], changes: Partial<Planning> = {}): Planning {
  const lengths = new OutputLengths();
  for (let count = 0; count < 300; count += 1) lengths.note(100);
  return { candidates, lengths, tenants: new Tenants(10), config: defaultSchedulerConfig, nowMs: 0, ...changes };
}

function waiting(order: number, promptTokens = 400, changes: Partial<WaitingRequest> = {}): WaitingRequest {
  return {
    tenant: "",
    priority: "interactive",
    promptTokenIds: Array.from({ length: promptTokens }, () => 1),
    emittedTokenIds: [],
    prefixHashes: [],
    decoding: { maxTokens: 1000 },
    arrivedAtMs: 0,
    queuedAtMs: 0,
    dueMs: order,
    order,
    ...changes,
  };
}

function bindings(planning: Planning, queue: readonly WaitingRequest[]): string[] {
  const bound: string[] = [];
  planModel(planning, queue, ({ request, chosen }) => bound.push(`${request.order} on ${chosen.replicaId}`));
  return bound;
}

const ends = (seconds: number) => ({ prefillLeft: 0, outputLeft: 20 * seconds, contextTokens: 0, slot: null });

test("a request waits for a fast replica that is free soon rather than take a slow one now", () => {
  // 400 tokens and the quarter of 100: 3.25 s on the fast one, which is free after 1 s, 8 s, 15 s; 16.25 s on the slow one.
  const candidates = () => [candidate("fast", { running: [ends(1)] }), candidate("slow", { speed: slower(5) })];
  assert.deepEqual(bindings(planningOf(candidates()), [waiting(1)]), []);
  const three = [1, 2, 3].map((order) => waiting(order));
  assert.deepEqual(bindings(planningOf(candidates()), three), ["3 on slow"]);
  // One that has waited its time takes what there is.
  const late = { nowMs: defaultSchedulerConfig.holdMaxMs };
  assert.deepEqual(bindings(planningOf(candidates(), late), [waiting(1)]), ["1 on slow"]);
});

test("a gain of less than half a second is not worth waiting for", () => {
  const candidates = [candidate("busy", { running: [ends(0.1)] }), candidate("idle", { speed: slower(1.1) })];
  assert.deepEqual(bindings(planningOf(candidates), [waiting(1)]), ["1 on idle"]);
});

test("replicas that cost the same take turns, unless one holds the beginning of the prompt", () => {
  const candidates = () => [candidate("a", { lastBinding: 7 }), candidate("b", { lastBinding: 3 })];
  assert.deepEqual(bindings(planningOf(candidates()), [waiting(1, 10)]), ["1 on b"]);
  const held = new HeldPrefixes();
  held.release(0, "q0", { hashes: [11], nowMs: 0 });
  const holder = candidate("a", { lastBinding: 7, held, speed: { ...speed, prefillTokensPerSecond: 1e6 } });
  const other = candidate("b", { speed: { ...speed, prefillTokensPerSecond: 1e6 } });
  assert.deepEqual(bindings(planningOf([holder, other]), [waiting(1, 200, { prefixHashes: [11] })]), ["1 on a"]);
  // Log-probabilities of a prompt are not held.
  const decoding = { maxTokens: 1000, logsPrompt: true };
  const logged = waiting(1, 200, { prefixHashes: [11], decoding });
  assert.deepEqual(bindings(planningOf([holder, other]), [logged]), ["1 on b"]);
});

function near(actual: readonly number[], expected: readonly number[]): void {
  for (const [index, value] of actual.entries())
    assert.ok(Math.abs(value - (expected[index] ?? 0)) < 1e-5, `${actual}`);
}

test("what is held, what it delays and who shares the machine are in the cost", () => {
  const weights = { decode: 0.25, delay: 1 };
  const demand = { tokens: 400, hashes: [1, 2, 3], outputLeft: 100 };
  const plain = candidate("a").cost(demand, weights);
  assert.deepEqual([plain.wait, plain.delay], [0, 0]);
  near([plain.prefill, plain.decode, plain.score], [2, 5, 3.25]);
  const held = new HeldPrefixes();
  held.release(0, "q0", { hashes: [1, 2], nowMs: 0 });
  const hit = candidate("b", { held }).cost(demand, weights);
  near([hit.prefill, hit.hit?.tokens ?? 0], [144 / 200, 256]);
  // Two streams that decode lose the time of the prompt each; the slots are full until the first of them ends.
  const busy = candidate("c", { slots: 2, running: [ends(4), ends(9)] }).cost(demand, weights);
  near([busy.wait, busy.delay], [4, 4]);
  const shared = candidate("d", { busyNeighbours: 1 }).cost(demand, weights);
  near([shared.prefill, shared.decode], [4, 10]);
  // Each stream of another model beside it loses the time of the prompt and of every step.
  const beside = candidate("d", { busyNeighbours: 1, neighbourStreams: 2 }).cost(demand, weights);
  near([beside.prefill, beside.decode, beside.delay], [4, 10, 2 * (2 + 5)]);
  const avoided = candidate("e", { avoidSeconds: 3 });
  assert.equal(avoided.cost(demand, weights).wait, 3);
  assert.equal(avoided.hasIdleSlot, false);
});

test("a prompt that is wholly held costs at least its last token", () => {
  const held = new HeldPrefixes();
  held.release(0, "q0", { hashes: [1, 2], nowMs: 0 });
  const cost = candidate("a", { held }).cost({ tokens: 256, hashes: [1, 2], outputLeft: 0 }, { decode: 0, delay: 0 });
  assert.ok(cost.prefill > 0 && cost.prefill < 0.01);
});

test("the forecast plays the whole queue, one after the other", () => {
  const planning = planningOf([candidate("a", { running: [ends(10)] })]);
  const queue = [1, 2, 3].map((order) => waiting(order, 200));
  const starts = [...forecastQueue(planning, queue, 10)].map(({ position, startSeconds }) => [position, startSeconds]);
  assert.deepEqual(
    starts.map(([position, seconds]) => [position, Math.round(seconds ?? 0)]),
    [
      [1, 10],
      [2, 16],
      [3, 22],
    ],
  );
});

test("whatever the replicas are like, no slot gets two and no request two slots", () => {
  const figure = fc.double({ min: 0.01, max: 1e5, noNaN: true });
  const replica = fc.record({
    slots: fc.integer({ min: 1, max: 4 }),
    running: fc.array(
      fc.record({
        prefillLeft: fc.nat(9000),
        outputLeft: fc.nat(3000),
        contextTokens: fc.nat(9000),
        slot: fc.option(fc.nat(4)),
      }),
      {
        maxLength: 5,
      },
    ),
    foreign: fc.integer({ min: 0, max: 3 }),
    avoidSeconds: fc.oneof(fc.constant(0), figure),
    busyNeighbours: fc.integer({ min: 0, max: 3 }),
    neighbourStreams: fc.integer({ min: 0, max: 9 }),
    prefillTokensPerSecond: figure,
    decodeTokensPerSecond: figure,
    slotSlowdown: fc.double({ min: 0, max: 2, noNaN: true }),
  });
  const request = fc.record({ tokens: fc.integer({ min: 1, max: 9000 }), tenant: fc.constantFrom("a", "b") });
  fc.assert(
    fc.property(fc.array(replica, { maxLength: 6 }), fc.array(request, { maxLength: 60 }), (replicas, requests) => {
      const candidates = replicas.map(
        ({ prefillTokensPerSecond, decodeTokensPerSecond, slotSlowdown, ...parts }, index) =>
          candidate(`r${index}`, {
            ...parts,
            speed: { ...speed, prefillTokensPerSecond, decodeTokensPerSecond, slotSlowdown },
          }),
      );
      const free = replicas.map(({ slots, running, foreign, avoidSeconds }) =>
        avoidSeconds > 0 ? 0 : Math.max(0, slots - running.length - foreign),
      );
      const queue = requests.map(({ tokens, tenant }, order) => waiting(order, tokens, { tenant }));
      const seen = new Set<number>();
      planModel(planningOf(candidates), queue, ({ request: { order }, chosen, decision }) => {
        assert.ok(!seen.has(order));
        seen.add(order);
        const index = candidates.indexOf(chosen);
        free[index] = (free[index] ?? 0) - 1;
        assert.ok((free[index] ?? -1) >= 0, `slot of ${chosen.replicaId}`);
        for (const { score } of decision.candidates) assert.ok(Number.isFinite(score) && score >= 0);
      });
    }),
  );
});
