// What the product has to reach in a scenario.
import { type Metrics, mean } from "./metrics.ts";
import { productPolicy } from "./run.ts";
import type { Goal } from "./scenario.ts";

/**
 * Goals that are missed, as sentences with the values: means over the seeds, and ratios of such means. Where another policy
 * fails in some seeds and not in others, the mean of the ratios would count the former least.
 */
export function missedGoals(goals: readonly Goal[], runs: ReadonlyMap<string, readonly Metrics[]>): string[] {
  return goals.flatMap(({ figure, against, max }) => {
    const meanOf = (policy: string): number => mean((runs.get(policy) ?? []).map((metrics) => metrics[figure]));
    const found = against === null ? meanOf(productPolicy) : meanOf(productPolicy) / meanOf(against);
    if (found <= max) return [];
    const what = against === null ? figure : `${figure} against ${against}`;
    return [`${what} is ${found.toFixed(3)}, and should be at most ${max}`];
  });
}
