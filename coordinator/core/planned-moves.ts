// Running requests that go on elsewhere before anybody is lost: a node or a replica is emptied, or others come first.
import type { ReplicaId } from "@pomona/shared/core/ids";
import type { ReplicaStatus } from "@pomona/shared/core/node-status";
import { isDraining } from "./deployments.ts";
import type { Effect } from "./effect.ts";
import { foreignAttempts } from "./foreign-attempts.ts";
import { isBound } from "./pace.ts";
import type { EvictionReason } from "./placement/problem.ts";
import { moveAway, tokensOf } from "./requests.ts";
import type { Member, RequestRecord, StepContext } from "./state.ts";
import { type ReadyReplica, readyReplicas } from "./views.ts";

/** Retired replicas whose work another one of the same model takes over. One that is replaced answers those it understands. */
const movedEvictions: ReadonlySet<EvictionReason> = new Set(["memory", "moved", "surplus", "drain"]);

/** Decided on every tick. Slots are promised once in a pass. */
export function planMoves(context: StepContext): Effect[] {
  const free = new FreeSlots(context);
  const effects: Effect[] = [];
  for (const member of context.state.members.values()) effects.push(...empty(context, member, free));
  return [...effects, ...preempt(context)];
}

/** What leaves a node or a replica that is to be emptied, as soon as somebody else can go on with it. */
function empty(context: StepContext, member: Member, free: FreeSlots): Effect[] {
  const { state, nowMs, config } = context;
  const reason = whyEmptied(context, member);
  if (reason === null) member.emptyingSinceMs = null;
  else member.emptyingSinceMs ??= nowMs;
  const isUrgent = member.emptyingSinceMs !== null && nowMs - member.emptyingSinceMs >= config.plannedMoves.patienceMs;
  const effects: Effect[] = [];
  for (const replica of member.status.replicas) {
    const why = reason ?? whyReplicaEmptied(member, replica);
    if (why === null) continue;
    for (const requestId of [...(state.boundByReplica.get(replica.replicaId) ?? [])]) {
      const record = state.requests.get(requestId);
      if (record === undefined || !free.hasOther(record, replica)) continue;
      if (free.take(record, replica) || isUrgent) effects.push(...moveAway(context, record, why));
    }
  }
  return effects;
}

function whyEmptied({ state }: StepContext, member: Member): string | null {
  if (member.state === "dead") return null;
  if (isDraining(state, member)) return "drained";
  return member.isEjected && member.ejection?.reason === "slow" ? "slow" : null;
}

function whyReplicaEmptied({ leaving }: Member, { replicaId }: ReplicaStatus): string | null {
  const eviction = leaving.get(replicaId)?.eviction;
  return eviction !== undefined && movedEvictions.has(eviction) ? eviction : null;
}

/** Idle slots of the pool at this moment. */
class FreeSlots {
  readonly #context: StepContext;
  readonly #taken = new Map<ReplicaId, number>();

  constructor(context: StepContext) {
    this.#context = context;
  }

  /** Whether another replica can ever go on with a request. */
  hasOther(record: RequestRecord, { replicaId }: ReplicaStatus): boolean {
    return this.#others(record, replicaId).length > 0;
  }

  take(record: RequestRecord, { replicaId }: ReplicaStatus): boolean {
    const { state } = this.#context;
    for (const ready of this.#others(record, replicaId)) {
      const { replicaId: other, slots } = ready.replica;
      const taken = this.#taken.get(other) ?? 0;
      const busy = (state.boundByReplica.get(other)?.size ?? 0) + foreignAttempts(state, ready) + taken;
      if (busy >= slots) continue;
      this.#taken.set(other, taken + 1);
      return true;
    }
    return false;
  }

  #others({ model, promptDigest }: RequestRecord, replicaId: ReplicaId): ReadyReplica[] {
    const { state } = this.#context;
    return readyReplicas(state, model, promptDigest).filter(
      ({ member, replica }) => replica.replicaId !== replicaId && !isDraining(state, member),
    );
  }
}

/** Batch work gives its slot to interactive requests that wait; what it has generated is kept. */
function preempt(context: StepContext): Effect[] {
  const { state, nowMs, config } = context;
  const chosen = new Set<RequestRecord>();
  for (const { model, promptDigest, priority, queuedAtMs } of state.queue) {
    if (priority === "batch" || nowMs - queuedAtMs < config.plannedMoves.preemptAfterMs) continue;
    const victim = cheapestBatch(context, { model, promptDigest }, chosen);
    if (victim !== null) chosen.add(victim);
  }
  return [...chosen].flatMap((record) => {
    record.preemptedAtMs = nowMs;
    return moveAway(context, record, "preempted");
  });
}

/** The one that has least to evaluate again; null when a slot is free, or none may be taken. */
function cheapestBatch(
  { state, nowMs, config }: StepContext,
  { model, promptDigest }: Pick<RequestRecord, "model" | "promptDigest">,
  chosen: ReadonlySet<RequestRecord>,
): RequestRecord | null {
  const { preemptMinMs, preemptPauseMs } = config.plannedMoves;
  let cheapest: RequestRecord | null = null;
  for (const ready of readyReplicas(state, model, promptDigest)) {
    const bound = state.boundByReplica.get(ready.replica.replicaId) ?? new Set();
    if (bound.size + foreignAttempts(state, ready) < ready.replica.slots) return null;
    for (const requestId of bound) {
      const record = state.requests.get(requestId);
      if (record?.priority !== "batch" || chosen.has(record) || !isBound(record)) continue;
      const isNew = nowMs - record.place.boundAtMs < preemptMinMs || nowMs - record.preemptedAtMs < preemptPauseMs;
      if (!isNew && (cheapest === null || tokensOf(record) < tokensOf(cheapest))) cheapest = record;
    }
  }
  return cheapest;
}
