// Coordinators and nodes on virtual time, with faults: the cores are the real ones. A seed that fails repeats alone:
//   POMONA_SEED=123 node --test test/dist/simulation/membership-and-queue.test.js
import assert from "node:assert/strict";
import { test } from "node:test";
import { faultKinds } from "@pomona/simulator/faults";
import { type SimulationSummary, simulate } from "@pomona/simulator/simulate";

const alone = process.env["POMONA_SEED"];
const seedsPerRun = 500;
const seeds = alone === undefined ? Array.from({ length: seedsPerRun }, (_, index) => index + 1) : [Number(alone)];

function mustBeGood(summary: SimulationSummary): SimulationSummary {
  const { seed, problems, ...rest } = summary;
  const facts = JSON.stringify(rest);
  assert.deepEqual(problems, [], `seed ${seed} (POMONA_SEED=${seed} repeats it alone): ${facts}`);
  return summary;
}

function sumBy(summaries: readonly SimulationSummary[], of: (summary: SimulationSummary) => Record<string, number>) {
  const sums: Record<string, number> = {};
  for (const summary of summaries) {
    for (const [name, count] of Object.entries(of(summary))) sums[name] = (sums[name] ?? 0) + count;
  }
  return sums;
}

test("every request ends exactly once with the right tokens, whatever happens to nodes, coordinators, NATS and lines", (t) => {
  const summaries = seeds.map((seed) => mustBeGood(simulate(seed)));
  const faults = sumBy(summaries, (summary) => summary.faults);
  const outcomes = sumBy(summaries, (summary) => summary.outcomes);
  const dropped = sumBy(summaries, (summary) => summary.dropped);
  const counts = sumBy(summaries, (summary) => summary.counts);
  const events = summaries.reduce((sum, summary) => sum + summary.events, 0);
  t.diagnostic(JSON.stringify({ seeds: seeds.length, events, faults, outcomes, dropped, counts }));
  if (alone !== undefined) return;
  for (const kind of faultKinds) {
    const fired = summaries.filter((summary) => summary.faults[kind] > 0).length;
    assert.ok(fired >= seedsPerRun / 100, `${kind} happened in ${fired} of ${seedsPerRun} runs`);
  }
  for (const outcome of [
    "stop",
    "length",
    "cancelled",
    "expired",
    "engine_crashed",
    "model_failed",
    "abandoned",
    "takenUp",
  ])
    assert.ok((outcomes[outcome] ?? 0) >= 10, `hardly any request ended as ${outcome}`);
  // Three moves are enough for nearly everyone; who fails for losses that were survivable shows here.
  assert.ok((outcomes["node_lost"] ?? 0) <= 0.002 * ((outcomes["stop"] ?? 0) + (outcomes["length"] ?? 0)));
  for (const [reason, count] of Object.entries(dropped)) assert.ok(count >= 10, `${reason} hardly ever happened`);
  // Two files of a hundred runs fail to come: what nodes fetch, they fetch at the beginning.
  for (const [what, count] of Object.entries(counts))
    assert.ok(count >= seedsPerRun / 100, `${what} happened in less than one of a hundred runs`);
});

test("without faults nothing moves, nothing dies and nothing is dropped", () => {
  for (const seed of seeds.slice(0, 20)) {
    // Where models do not all fit, they make way for each other, and their streams with them.
    const summary = mustBeGood(simulate(seed, { faults: [], isCrowded: false }));
    assert.equal(summary.counts.moves, 0, `seed ${seed}`);
    assert.equal(summary.counts.deaths, 0, `seed ${seed}`);
    assert.equal(summary.dropped.oldEpoch, 0, `seed ${seed}`);
    assert.equal(summary.dropped.brokenOrder, 0, `seed ${seed}`);
  }
});

test("the same seed gives the same run", () => {
  for (const seed of seeds.slice(0, 5)) assert.deepEqual(simulate(seed), simulate(seed));
});

test("a request that kills every engine fails alone, after two of them", () => {
  for (const seed of seeds.slice(0, 50)) {
    const { outcomes, faults, counts } = mustBeGood(simulate(seed, { faults: ["poisonRequest"] }));
    assert.equal(outcomes["engine_crashed"] ?? 0, faults.poisonRequest, `seed ${seed}`);
    // Two of them in one engine share its death.
    assert.ok(counts.enginesKilled <= 2 * faults.poisonRequest, `seed ${seed}: ${counts.enginesKilled} engines`);
  }
});

test("a pool of many nodes and a long queue comes to rest", () => {
  const summary = mustBeGood(simulate(7, { nodes: 24, requests: 1000, durationMs: 5000 }));
  assert.equal(summary.nodes, 24);
});

test("what runs when a coordinator goes is gone on with by the next one, here or elsewhere", () => {
  const some = seeds.slice(0, 100);
  const summaries = some.map((seed) => mustBeGood(simulate(seed, { faults: ["coordinatorCrash"], requests: 30 })));
  const outcomes = sumBy(summaries, (summary) => summary.outcomes);
  const { takenUp = 0, lost = 0 } = outcomes;
  const { takeovers = 0 } = sumBy(summaries, (summary) => summary.counts);
  assert.ok(alone !== undefined || takenUp >= some.length, `${takenUp} requests were taken up`);
  assert.ok(alone !== undefined || takeovers >= some.length / 2, `${takeovers} times another coordinator took over`);
  // Those that had not reached their node yet.
  assert.ok(lost <= 0.05 * takenUp, `${lost} requests were lost, and ${takenUp} taken up`);
});

test("what NATS does to a pool that nothing else happens to costs no answer", () => {
  const faults = ["natsOutage", "natsEmptied", "natsPause", "natsSlow"] as const;
  for (const seed of seeds.slice(0, 50)) {
    const { counts, outcomes } = mustBeGood(simulate(seed, { faults, isCrowded: false }));
    assert.deepEqual([counts.moves, outcomes["lost"] ?? 0], [0, 0], `seed ${seed}`);
  }
});

test("a restart of the coordinator adopts the replicas that are there", () => {
  for (const seed of seeds.slice(0, 20)) {
    // Where models do not all fit, who is loaded follows who asks, and when.
    const options = { coordinators: 1, isCrowded: false };
    const calm = simulate(seed, { faults: [], ...options });
    const restarted = mustBeGood(simulate(seed, { faults: ["coordinatorCrash"], ...options }));
    assert.ok(restarted.faults.coordinatorCrash > 0, `seed ${seed}`);
    // Only the file that no engine can load is tried again by each coordinator.
    const retriedMax = restarted.nodes * (restarted.faults.coordinatorCrash + 1);
    assert.ok(
      restarted.counts.loads <= calm.counts.loads + retriedMax,
      `seed ${seed}: ${restarted.counts.loads} loads`,
    );
  }
});
