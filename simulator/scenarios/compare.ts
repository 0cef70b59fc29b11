// Policies against each other: means over seeds, and ratios within each seed or of the means.

import { fixedCost } from "../baselines/fixed-cost.ts";
import type { TraceSource } from "../workload/trace-source.ts";
import { missedGoals } from "./goals.ts";
import { type Metrics, mean } from "./metrics.ts";
import { productPolicy, runPolicy } from "./run.ts";
import type { Scenario } from "./scenario.ts";

/** What all others are measured against. */
export const referencePolicy = "least-connections";
/** The same where machines hold different models. */
const fixedPolicy = fixedCost.name;

const ratioNames = ["ttftMean", "ttftP50", "ttftP99", "e2eMean", "e2eP99", "goodput", "prefixHit"] as const;

/** null where the reference has nothing. */
export type Ratios = Readonly<Record<(typeof ratioNames)[number], number | null>>;

/**
 * Seconds and shares, each the mean over the seeds. A ratio to least-connections is the mean of the seeds' own ratios, one to
 * fixed placement that of the means: how well that does is a matter of luck.
 */
export type Comparison = {
  readonly scenario: string;
  readonly seeds: readonly number[];
  readonly traces: TraceSource["kind"];
  readonly policies: Readonly<Record<string, Metrics>>;
  readonly ratioToLeastConnections: Readonly<Record<string, Ratios>>;
  /** Where a scenario has one. */
  readonly ratioToFixedPlacement?: Readonly<Record<string, Ratios>>;
};

export type CompareOptions = {
  readonly scenario: Scenario;
  readonly seeds: readonly number[];
  /** The reference is run in any case. */
  readonly policies: readonly string[];
  readonly source: TraceSource;
  /** The core's invariants after every event, and the scenario's goals. */
  readonly isChecked: boolean;
};

/** Runs everything. Broken rules and missed goals come beside the result; there are none in a good run. */
export function compare(options: CompareOptions): { readonly result: Comparison; readonly problems: string[] } {
  const { scenario, seeds, source, isChecked } = options;
  const policies = [...new Set([...options.policies, ...referencesOf(options)])];
  const runs = new Map<string, Metrics[]>(policies.map((policy) => [policy, []]));
  const problems: string[] = [];
  for (const seed of seeds) {
    const requests = scenario.requests(source, seed);
    for (const policy of policies) {
      const run = runPolicy(policy, { scenario, requests, seed, isChecked });
      runs.get(policy)?.push(run.metrics);
      for (const problem of run.problems.slice(0, 5)) problems.push(`${policy}, seed ${seed}: ${problem}`);
    }
  }
  if (isChecked) problems.push(...missedGoals(scenario.goals ?? [], runs));
  const ratiosTo = (
    reference: string,
    of: (seeds: readonly Metrics[]) => readonly Metrics[] = (seeds) => seeds,
  ): Comparison["ratioToLeastConnections"] =>
    Object.fromEntries(
      [...runs].map(([policy, metrics]) => [policy, meanRatios(of(metrics), of(runs.get(reference) ?? []))]),
    );
  const means = (seeds: readonly Metrics[]): Metrics[] => [meanMetrics(seeds)];
  const traces = scenario.isGenerated === true ? "generated" : source.kind;
  const result = {
    scenario: scenario.name,
    seeds,
    traces,
    policies: Object.fromEntries([...runs].map(([policy, metrics]) => [policy, meanMetrics(metrics)])),
    ratioToLeastConnections: ratiosTo(referencePolicy),
    ...(scenario.fixed === undefined ? {} : { ratioToFixedPlacement: ratiosTo(fixedPolicy, means) }),
  };
  return { result, problems };
}

function referencesOf({ scenario, isChecked }: CompareOptions): string[] {
  const goals = isChecked ? (scenario.goals ?? []) : [];
  const compared = goals.flatMap(({ against }) => (against === null ? [productPolicy] : [productPolicy, against]));
  return [referencePolicy, ...(scenario.fixed === undefined ? [] : [fixedPolicy]), ...compared];
}

function meanMetrics(runs: readonly Metrics[]): Metrics {
  const of = (name: keyof Metrics): number => rounded(mean(runs.map((metrics) => metrics[name])));
  return {
    ttftMean: of("ttftMean"),
    ttftP50: of("ttftP50"),
    ttftP99: of("ttftP99"),
    e2eMean: of("e2eMean"),
    e2eP99: of("e2eP99"),
    goodput: of("goodput"),
    prefixHit: of("prefixHit"),
    failed: of("failed"),
    loads: of("loads"),
  };
}

function meanRatios(runs: readonly Metrics[], reference: readonly Metrics[]): Ratios {
  const of = (name: (typeof ratioNames)[number]): number | null => {
    const ratios = runs.map((metrics, index) => metrics[name] / (reference[index]?.[name] ?? 0));
    return ratios.every(Number.isFinite) ? rounded(mean(ratios)) : null;
  };
  return {
    ttftMean: of("ttftMean"),
    ttftP50: of("ttftP50"),
    ttftP99: of("ttftP99"),
    e2eMean: of("e2eMean"),
    e2eP99: of("e2eP99"),
    goodput: of("goodput"),
    prefixHit: of("prefixHit"),
  };
}

function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
