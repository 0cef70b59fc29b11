import assert from "node:assert/strict";
import { test } from "node:test";
import { openTraces } from "../workload/trace-source.ts";
import { scenarios } from "./all.ts";
import { compare, referencePolicy } from "./compare.ts";

// Scheduling study, section 4: mean and 99th percentile of the TTFT in seconds, and goodput.
for (const [name, ttftMean, ttftP99, goodput] of [
  ["conversation-50", 16, 104, 0.9],
  ["conversation-70", 19.6, 159, 0.84],
  ["conversation-90", 37.9, 315, 0.66],
] as const) {
  test(`least-connections on ${name} is as slow as in the study`, () => {
    const scenario = scenarios.find((known) => known.name === name);
    assert.ok(scenario !== undefined);
    const seeds = [1, 2, 3];
    const { result } = compare({ scenario, seeds, policies: [], source: openTraces(null), isChecked: false });
    const metrics = result.policies[referencePolicy];
    for (const [actual, expected] of [
      [metrics?.ttftMean, ttftMean],
      [metrics?.ttftP99, ttftP99],
      [metrics?.goodput, goodput],
    ] as const)
      assert.ok(Math.abs((actual ?? 0) / expected - 1) < 0.15, `${actual}, and ${expected} in the study`);
  });
}
