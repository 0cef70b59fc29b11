// Whether a pool is whole again ten seconds after the last fault was over, and stays so.
import type { ClusterState } from "@pomona/coordinator/core/state";
import { readyReplicas } from "@pomona/coordinator/core/views";
import type { ModelName, NodeId } from "@pomona/shared/core/ids";
import { heldBytes } from "@pomona/shared/core/replica-memory";
import { brokenModel } from "./reference-model.ts";
import type { SimulatedCoordinator } from "./simulated-coordinator.ts";
import type { SimulatedPool } from "./simulated-pool.ts";

const lookMs = 500;
/** The goal: liveness within ten simulated seconds after the last fault. */
const wholeAfterMs = 10_000;
/** For models that nobody waits for: what is in their way has to be idle for ten seconds first. And while nodes load, one by one. */
const allReadyAfterMs = 25_000;

export class LivenessWatch {
  readonly #pool: SimulatedPool;
  readonly #complain: (problem: string) => void;
  readonly #isCrowded: boolean;
  /** Since when nothing is wrong with anything; null while something is. */
  #wellSinceMs: number | null = null;

  /** Where models do not all fit, they make way for each other, faults or not: who waits for one may wait for longer. */
  constructor(pool: SimulatedPool, isCrowded: boolean, complain: (problem: string) => void) {
    this.#pool = pool;
    this.#isCrowded = isCrowded;
    this.#complain = complain;
    pool.time.every(lookMs, () => {
      this.#look();
      return true;
    });
  }

  #look(): void {
    const { time, healedAtMs, isWell } = this.#pool;
    if (!isWell || time.nowMs < healedAtMs) this.#wellSinceMs = null;
    else this.#wellSinceMs ??= time.nowMs;
    if (this.#wellSinceMs === null || time.nowMs - this.#wellSinceMs < wholeAfterMs) return;
    for (const problem of this.#problems(this.#wellSinceMs)) this.#complain(`after the last fault ${problem}`);
  }

  *#problems(wellSinceMs: number): Generator<string> {
    const { coordinator, coordinators, machines } = this.#pool;
    if (coordinator === null) {
      yield `${coordinators.active.length} coordinators are active`;
      return;
    }
    const { members } = coordinator.state;
    for (const { nodeId } of machines) {
      const member = members.get(nodeId);
      if (member?.state !== "alive" || !member.isLinkUp) yield `node ${nodeId} is ${member?.state}`;
    }
    yield* this.#stuckRequests(coordinator, wellSinceMs);
    yield* this.#missingModels(coordinator, wellSinceMs);
  }

  *#missingModels({ state }: SimulatedCoordinator, wellSinceMs: number): Generator<string> {
    if (this.#isCrowded) return;
    const { nowMs } = this.#pool.time;
    for (const { model, problem } of missingModels(this.#pool, state)) {
      const sinceMs = state.awaited.get(model)?.sinceMs ?? Number.POSITIVE_INFINITY;
      const isAwaited = nowMs - Math.max(sinceMs, wellSinceMs) >= (isLoading(state) ? allReadyAfterMs : wholeAfterMs);
      if (isAwaited || nowMs - wellSinceMs >= allReadyAfterMs) yield problem;
    }
  }

  /** Each has a coordinator, and goes on, or waits where others go on. */
  *#stuckRequests({ state }: SimulatedCoordinator, wellSinceMs: number): Generator<string> {
    const { ledger, time } = this.#pool;
    for (const { requestId, model, session, lastFrameAtMs } of ledger.open) {
      if (session === null) {
        yield `request ${requestId} has no coordinator`;
        continue;
      }
      const place = state.requests.get(requestId)?.place;
      // Who waits for a model that makes way for others is looked after once it is ready: see `client-watch.ts`.
      if (place === undefined || this.#isCrowded || model === brokenModel) continue;
      const servedAtMs =
        place.kind === "bound" ? Math.max(lastFrameAtMs, place.boundAtMs) : ledger.servedAtMs.get(model);
      const isComing = isLoading(state) && readyReplicas(state, model).length === 0;
      const limitMs = isComing ? allReadyAfterMs : wholeAfterMs;
      const isStuck = time.nowMs - Math.max(servedAtMs ?? 0, wellSinceMs) >= limitMs;
      if (isStuck) yield `request ${requestId} of ${model} is ${place.kind} and stands still`;
    }
  }
}

function isLoading({ members }: ClusterState): boolean {
  return [...members.values()].some(({ loading }) => loading !== null);
}

/**
 * Models that should be ready and are not, although a machine has room beside those that have a better claim: that stand
 * there because their deployments want them, and are not of less priority.
 */
export function missingModels(
  pool: SimulatedPool,
  state: ClusterState,
): { readonly model: ModelName; readonly problem: string }[] {
  const isFinal = (nodeId: NodeId, model: ModelName): boolean =>
    state.members.get(nodeId)?.loadFailures.get(model)?.retryAtMs === Number.POSITIVE_INFINITY;
  return pool.desired.deployed.flatMap(({ record: { spec }, memory }) => {
    const { model, replicas, isPinned, priority } = spec;
    if (model === brokenModel) return [];
    if ((replicas.min === 0 && !isPinned) || readyReplicas(state, model).length > 0) return [];
    const homes = pool.machines.filter(({ nodeId, budgetBytes }) => {
      const held = state.members.get(nodeId)?.status.replicas ?? [];
      const claims = held.filter((replica) => hasClaim(state, replica.model, priority));
      return heldBytes([...claims.map((replica) => replica.memory), memory]) <= budgetBytes && !isFinal(nodeId, model);
    });
    const problem = `model ${model} is ready nowhere, and ${homes.length} nodes have room for it`;
    return homes.length === 0 ? [] : [{ model, problem }];
  });
}

function hasClaim(state: ClusterState, model: ModelName, priority: number): boolean {
  const spec = state.deployments.get(model)?.record.spec;
  if (spec === undefined) return false;
  const least = Math.max(spec.replicas.min, spec.isPinned ? 1 : 0);
  const isStanding = readyReplicas(state, model).length <= least;
  return isStanding && (spec.isPinned || spec.priority >= priority);
}
