// What the product has to reach in a scenario.
import { type Metrics, mean } from "./metrics.ts";
import { productPolicy } from "./run.ts";
import type { Goal } from "./scenario.ts";

/** Goals that are missed, as sentences with the values. Figures and ratios are means over the seeds, as in the tables. */
export function missedGoals(goals: readonly Goal[], runs: ReadonlyMap<string, readonly Metrics[]>): string[] {
  return goals.flatMap(({ figure, against, max }) => {
    const values = (runs.get(productPolicy) ?? []).map((metrics) => metrics[figure]);
    const others = against === null ? null : (runs.get(against) ?? []);
    const found = mean(values.map((value, seed) => (others === null ? value : value / (others[seed]?.[figure] ?? 0))));
    if (found <= max) return [];
    const what = against === null ? figure : `${figure} against ${against}`;
    return [`${what} is ${found.toFixed(3)}, and should be at most ${max}`];
  });
}
