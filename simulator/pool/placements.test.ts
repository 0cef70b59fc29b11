import assert from "node:assert/strict";
import { test } from "node:test";
import { leastConnections } from "../baselines/least-connections.ts";
import { loadIfAbsent } from "../baselines/load-if-absent.ts";
import { referenceMachine } from "../engine/machine-profile.ts";
import { seededRandom } from "../random.ts";
import { VirtualTime } from "../virtual-time.ts";
import { BaselinePool } from "./baseline-pool.ts";
import { initialModels } from "./placements.ts";
import { fittingModel, type PoolModel, type PoolParts } from "./pool.ts";
import { RequestLog } from "./request-log.ts";

const big: PoolModel = { ...fittingModel("big"), bytes: 30e9 };
const small: PoolModel = { ...fittingModel("small"), bytes: 20e9 };

/** Machines with so many gigabytes for models. */
function partsOf(gigabytes: readonly number[], fixed: readonly string[] | null): PoolParts {
  const machines = gigabytes.map((room) => ({ ...referenceMachine, slots: 1, memoryBytes: (room * 1e9) / 0.72 }));
  const common = { models: [small, big], savedStates: 0, dropsLate: false };
  return { time: new VirtualTime(), log: new RequestLog(), machines, fixed, ...common };
}

function namesOf(models: readonly (readonly PoolModel[])[]): string[][] {
  return models.map((held) => held.map(({ name }) => name));
}

test("machines are filled with what fits, the biggest first, unless that leaves a model without a machine", () => {
  assert.deepEqual(namesOf(initialModels("filled", partsOf([60, 35, 25], null))), [
    ["big", "small"],
    ["big"],
    ["small"],
  ]);
  const tight = partsOf([35, 35, 35], ["big", "small", "big"]);
  assert.deepEqual(namesOf(initialModels("filled", tight)), [["big"], ["small"], ["big"]]);
});

test("fixed machines hold the one model that the scenario says, and single ones each model once", () => {
  const parts = partsOf([60, 60, 60], ["big", "small", "big"]);
  for (const places of ["fixed", "on-demand"] as const)
    assert.deepEqual(namesOf(initialModels(places, parts)), [["big"], ["small"], ["big"]]);
  assert.deepEqual(namesOf(initialModels("single", parts)), [["big"], ["small"], []]);
});

function poolOn(parts: PoolParts, asks: readonly (readonly [number, string])[]): BaselinePool {
  const pool = new BaselinePool(loadIfAbsent, seededRandom(1), parts);
  for (const [atMs, model] of asks) {
    const request = { atMs, model, tenant: "", conversation: 0, promptTokens: 182, outputTokens: 1, blocks: [] };
    parts.time.after(atMs, () => pool.submit(request));
  }
  parts.time.runUntil(Number.POSITIVE_INFINITY, () => false);
  return pool;
}

test("a model that is absent is loaded in place of an idle one, and waits for a busy one", () => {
  const parts = partsOf([35], ["big"]);
  const asks = [
    [0, "big"],
    [10, "small"],
    // Comes after the small one, and does not overtake it.
    [20, "big"],
  ] as const;
  const { loads } = poolOn(parts, asks);
  const ends = parts.log.requests.map(({ endedAtMs }) => Math.round((endedAtMs ?? 0) / 100) / 10);
  // A prompt takes a second, a load 7.6 s.
  assert.deepEqual([loads, ends], [2, [1, 9.6, 18.2]]);
});

test("what there is room for is loaded beside the others, and all that wait for it have their turn together", () => {
  const parts = partsOf([60], ["big"]);
  const { loads } = poolOn(parts, [
    [0, "small"],
    [1, "small"],
    [2, "big"],
    [20_000, "big"],
  ]);
  assert.deepEqual([loads, parts.log.open, parts.log.problems], [1, 0, []]);
});

test("nothing is loaded where models stay where they are", () => {
  const parts = partsOf([60], ["big"]);
  const pool = new BaselinePool(leastConnections, seededRandom(1), parts);
  assert.equal(pool.loads, 0);
});
