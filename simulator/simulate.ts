// One run of a simulated pool: everything follows from the seed, so the seed alone repeats it.

import type { ClusterState } from "@pomona/coordinator/core/state";
import type { ModelName } from "@pomona/shared/core/ids";
import { ClientWatch } from "./client-watch.ts";
import type { KnownModel } from "./desired-state.ts";
import { faultModels, largestBudgetBytes, type ModelMix } from "./fault-models.ts";
import { type FaultCounts, type FaultKind, faultKinds, injectFault, noFaults, planFaults } from "./faults.ts";
import { LivenessWatch, missingModels } from "./liveness-watch.ts";
import type { Machine, ModelFile } from "./machine.ts";
import { OrphanWatch } from "./orphan-watch.ts";
import type { PoolCounts } from "./pool-counts.ts";
import { type Random, seededRandom } from "./random.ts";
import { brokenModel } from "./reference-model.ts";
import type { ClientRequest, Outcomes } from "./request-ledger.ts";
import { patientMs, SimulatedPool } from "./simulated-pool.ts";
import { VirtualTime } from "./virtual-time.ts";

/** What a run is made of. */
export type SimulationOptions = {
  /** Machines; by default 1 to 5, as the seed says. */
  readonly nodes?: number;
  /** Coordinators; by default 1 to 3. */
  readonly coordinators?: number;
  /** Requests; by default 40 to 120. */
  readonly requests?: number;
  /** Time in which requests come and faults happen; 20 s by default. */
  readonly durationMs?: number;
  /** Kinds of faults that may happen; all by default. */
  readonly faults?: readonly FaultKind[];
} & Partial<ModelMix>;

export type SimulationSummary = {
  readonly seed: number;
  readonly nodes: number;
  readonly requests: number;
  readonly events: number;
  readonly virtualMs: number;
  readonly tokens: number;
  readonly outcomes: Outcomes;
  readonly faults: FaultCounts;
  readonly counts: PoolCounts;
  readonly dropped: { readonly oldEpoch: number; readonly unknownRequest: number; readonly brokenOrder: number };
  /** What broke a rule, with the virtual time; empty in a good run. At most 20. */
  readonly problems: readonly string[];
};

const problemsMax = 20;
/** Virtual time after the last fault in which everything must have come to its end. */
const healingMs = 900_000;

/** Runs one seed. It never throws for what the pool does wrong: that stands in `problems`. */
export function simulate(seed: number, options: SimulationOptions = {}): SimulationSummary {
  const time = new VirtualTime();
  const random = seededRandom(seed);
  const problems: string[] = [];
  const complain = (problem: string): void => {
    if (problems.length < problemsMax) problems.push(`${Math.round(time.nowMs)} ms: ${problem}`);
  };
  const machines = makeMachines(random, options.nodes ?? random.integer(1, 5));
  const mix = {
    isCrowded: options.isCrowded ?? random.chance(0.4),
    isScattered: options.isScattered ?? random.chance(0.3),
  };
  const models = faultModels(random, machines, mix);
  const coordinators = options.coordinators ?? random.pick([1, 1, 2, 2, 2, 3]);
  const pool = new SimulatedPool({ time, random, machines, models, files: filesOf(models), coordinators, complain });
  const durationMs = options.durationMs ?? 20_000;
  const requests = options.requests ?? random.integer(40, 120);
  const names = [...models.map(({ record }) => record.spec.model), "small", "small"];
  for (let count = 0; count < requests; count += 1)
    time.after(random.between(0, durationMs), () => makeRequest(pool, random.pick(names)));
  const faults = noFaults();
  for (const [atMs, kind] of planFaults(random, options.faults ?? faultKinds, durationMs)) {
    time.after(atMs, () => {
      if (injectFault(pool, kind)) faults[kind] += 1;
    });
  }
  new ClientWatch(pool, complain).begin();
  new LivenessWatch(pool, mix.isCrowded, complain);
  time.every(500, new OrphanWatch(pool, complain).look);
  time.after(durationMs + 1, () => pool.heal());
  time.runUntil(durationMs + 10_000, () => problems.length > 0);
  time.runUntil(durationMs + healingMs, () => problems.length > 0 || isAtRest(pool));
  if (problems.length === 0) for (const problem of unfinished(pool)) complain(problem);
  pool.takeDropped();
  const { events, counts, dropped, ledger, reigns } = pool;
  // What the next coordinator reads again may be out of order again.
  const disturbed = counts.loseTokens + counts.duplicateFrames + 2 * counts.lateFrames;
  if (dropped.brokenOrder > disturbed * reigns) complain("more tokens are out of order than were disturbed");
  for (const process of pool.processes) counts.loads += process.loads;
  const { outcomes, tokens } = ledger;
  const virtualMs = time.nowMs;
  return {
    seed,
    nodes: machines.length,
    requests,
    events,
    virtualMs,
    tokens,
    outcomes,
    faults,
    counts,
    dropped,
    problems,
  };
}

/** The first machine has room for each model, so that every one has a home. */
function makeMachines(random: Random, count: number): Machine[] {
  return Array.from({ length: count }, (_, index) => ({
    nodeId: random.hexId(),
    address: `node-${index}:1`,
    budgetBytes: index === 0 ? largestBudgetBytes : random.pick([4e9, 9e9, 16e9]),
    prefillTokensPerSecond: random.between(500, 3000),
    decodeTokensPerSecond: random.between(20, 80),
    loadMs: random.between(200, 2000),
  }));
}

function makeRequest(pool: SimulatedPool, model: ModelName): void {
  const { random, time } = pool;
  const promptTokenIds = Array.from({ length: random.integer(1, 300) }, () => random.integer(0, 49_999));
  const isPatient = random.chance(0.8);
  const request: ClientRequest = {
    requestId: random.hexId(),
    model,
    promptTokenIds,
    maxTokens: random.integer(1, random.chance(0.2) ? 200 : 40),
    isPatient,
    deadlineMs: isPatient ? patientMs : time.nowMs + random.between(100, 3000),
    isPoison: false,
    isText: random.chance(0.5),
  };
  pool.clients.request(request);
  if (random.chance(0.1)) time.after(random.between(0, 2000), () => pool.clients.cancel(request));
  if (random.chance(0.1)) time.after(random.between(100, 1500), () => pool.clients.stop(request));
}

function filesOf(models: readonly KnownModel[]): Map<ModelName, ModelFile> {
  const fileOf = ({ record: { spec }, memory, contextLength }: KnownModel): ModelFile => ({
    memory,
    contextLength,
    isBroken: spec.model === brokenModel,
  });
  return new Map(models.map((model) => [model.record.spec.model, fileOf(model)]));
}

function isAtRest(pool: SimulatedPool): boolean {
  return unfinished(pool).length === 0;
}

/** What is left to do, or was left behind: a pool at rest has nothing of either. */
function unfinished(pool: SimulatedPool): string[] {
  const left = pool.ledger.openRequests.map((requestId) => `request ${requestId} never ends`);
  const { state, awaiting = 0 } = pool.coordinator ?? {};
  if (state === undefined) return [...left, "no coordinator is active, or several are"];
  for (const [what, count] of [
    ["requests", state.requests.size],
    ["waiting requests", state.queue.length],
    ["replicas with bound requests", state.boundByReplica.size],
  ] as const) {
    if (count > 0) left.push(`${count} ${what} are left`);
  }
  for (const process of pool.processes) {
    if (process.isDead) left.push(`node ${process.machine.nodeId} is down`);
    else if (process.runningAttempts > 0)
      left.push(`${process.runningAttempts} attempts still run on ${process.machine.nodeId}`);
  }
  if (awaiting > 0) left.push(`${awaiting} requests still wait for their models`);
  left.push(...missingModels(pool, state).map(({ problem }) => problem), ...leftReplicas(state));
  return left;
}

/** Replicas of models that nobody wants any more, and such as never go. Failed ones are listed to be told of. */
function leftReplicas(state: ClusterState): string[] {
  return [...state.members.values()].flatMap(({ status, leaving }) =>
    status.replicas
      .filter(({ state: replicaState }) => replicaState !== "failed")
      .filter(({ model, replicaId }) => !state.deployments.has(model) || leaving.has(replicaId))
      .map(({ model, replicaId }) => `replica ${replicaId} of ${model} has not left`),
  );
}
