import assert from "node:assert/strict";
import { test } from "node:test";
import { missedGoals } from "./goals.ts";
import { type Metrics, metricsOf } from "./metrics.ts";

function run(ttftMean: number, loads: number): Metrics {
  return { ...metricsOf([], loads), ttftMean };
}

const runs = new Map([
  ["pomona", [run(1, 4), run(4, 8)]],
  ["fixed-cost", [run(10, 0), run(20, 0)]],
]);

test("a goal is for the mean over the seeds of a figure, or for the ratio of two such means", () => {
  const ratio = { figure: "ttftMean", against: "fixed-cost" } as const;
  const loads = { figure: "loads", against: null } as const;
  assert.deepEqual(
    missedGoals(
      [
        { ...ratio, max: 0.17 },
        { ...loads, max: 6 },
      ],
      runs,
    ),
    [],
  );
  assert.deepEqual(
    missedGoals(
      [
        { ...ratio, max: 0.16 },
        { ...loads, max: 5 },
      ],
      runs,
    ),
    ["ttftMean against fixed-cost is 0.167, and should be at most 0.16", "loads is 6.000, and should be at most 5"],
  );
});

test("a goal against what was not run is missed", () => {
  assert.equal(missedGoals([{ figure: "ttftMean", against: "nobody", max: 1 }], runs).length, 1);
});
