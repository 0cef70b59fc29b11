// Runs policies through a scenario: each with the same requests, on its own virtual time.
import { baselines } from "../baselines/all.ts";
import { BaselinePool } from "../pool/baseline-pool.ts";
import { CorePool } from "../pool/core-pool.ts";
import type { Pool, PoolParts } from "../pool/pool.ts";
import { RequestLog } from "../pool/request-log.ts";
import { seededRandom } from "../random.ts";
import { VirtualTime } from "../virtual-time.ts";
import type { WorkloadRequest } from "../workload/sample.ts";
import { type Metrics, metricsOf } from "./metrics.ts";
import type { Scenario } from "./scenario.ts";

/** The product's own policy: `coordinator/core`, unchanged. */
export const productPolicy = "pomona";

export const policyNames: readonly string[] = [productPolicy, ...baselines.map(({ name }) => name)];

/** Policies that a scenario can tell apart: with one model, all machines have it from the beginning. */
export function policiesFor({ models }: Scenario): readonly string[] {
  const telling = baselines.filter(({ places }) => models.length > 1 || places === undefined);
  return [productPolicy, ...telling.map(({ name }) => name)];
}

/** Virtual time after which a run is given up, from its last request. */
const drainMsMax = 1e8;
/** Until a pool has loaded its models. */
const readyMsMax = 600_000;

export type RunOptions = {
  readonly scenario: Scenario;
  readonly requests: readonly WorkloadRequest[];
  readonly seed: number;
  /** Checks the core's invariants after every event. */
  readonly isChecked: boolean;
};

export type RunResult = { readonly metrics: Metrics; readonly problems: readonly string[] };

/** One policy, one seed. */
export function runPolicy(policy: string, { scenario, requests, seed, isChecked }: RunOptions): RunResult {
  const time = new VirtualTime();
  const log = new RequestLog();
  const parts: PoolParts = {
    time,
    log,
    machines: scenario.machines,
    models: scenario.models,
    fixed: scenario.fixed ?? null,
    savedStates: policy === productPolicy ? scenario.savedStates : 0,
    dropsLate: policy === productPolicy && scenario.dropsLate,
  };
  const pool = makePool(policy, { parts, seed, isChecked });
  time.runUntil(readyMsMax, pool.isReady);
  const loadsBefore = pool.loads;
  for (const request of requests) time.after(request.atMs, () => pool.submit(request));
  const spanMs = requests.at(-1)?.atMs ?? 0;
  for (const { machine, atMs, downMs } of scenario.losses?.(spanMs, seed) ?? [])
    time.after(atMs, () => pool.loseMachine(machine, downMs));
  time.runUntil(time.nowMs + spanMs + drainMsMax, () => log.open === 0 && log.requests.length === requests.length);
  const counted = log.requests.filter(({ request }) => scenario.counts?.(request) ?? true);
  return { metrics: metricsOf(counted, pool.loads - loadsBefore), problems: pool.problems };
}

type Maker = { readonly parts: PoolParts; readonly seed: number; readonly isChecked: boolean };

function makePool(policy: string, { parts, seed, isChecked }: Maker): Pool {
  if (policy === productPolicy) return new CorePool({ isChecked }, parts);
  const baseline = baselines.find(({ name }) => name === policy);
  if (baseline === undefined) throw new Error(`assertion failed: there is a policy ${policy}`);
  return new BaselinePool(baseline, seededRandom(seed + 2_000_000), parts);
}
