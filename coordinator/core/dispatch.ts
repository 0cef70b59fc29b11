// Late binding: a request waits in the one queue until a ready replica has a free slot, and goes to the least busy.
import type { NodeId, ReplicaId, RequestId } from "@pomona/shared/core/ids";
import type { Effect } from "./effect.ts";
import type { ClusterState, CoreConfig, RequestRecord, StepContext } from "./state.ts";
import { type ReadyReplica, readyReplicas } from "./views.ts";

/** Binds waiting requests in the order of their arrival, as long as slots are free. */
export function dispatch(state: ClusterState, nowMs: number, config: CoreConfig): Effect[] {
  const effects: Effect[] = [];
  const full = new Set<string>();
  for (const record of [...state.queue]) {
    if (full.has(record.model)) continue;
    const chosen = leastBusy(state, record, nowMs);
    if (chosen === null) {
      // FIFO within a model; a model without a free slot does not hold up the others.
      full.add(record.model);
      continue;
    }
    effects.push(bind(state, record, { chosen, nowMs, config }));
  }
  return effects;
}

type Candidate = ReadyReplica & { readonly busyShare: number; readonly lastBinding: number };

/** The replica with the smallest share of busy slots; among equals the one that was bound longest ago. */
function leastBusy(state: ClusterState, record: RequestRecord, nowMs: number): ReadyReplica | null {
  let best: Candidate | null = null;
  for (const ready of readyReplicas(state, record.model)) {
    if (nowMs < (state.avoidUntilMs.get(ready.replica.replicaId) ?? 0)) continue;
    const busy = busySlots(state, ready);
    if (busy >= ready.replica.slots) continue;
    const candidate = {
      ...ready,
      busyShare: busy / ready.replica.slots,
      lastBinding: state.lastBinding.get(ready.replica.replicaId) ?? -1,
    };
    if (best === null || isBetter(candidate, best)) best = candidate;
  }
  return best;
}

function isBetter(a: Candidate, b: Candidate): boolean {
  return a.busyShare === b.busyShare ? a.lastBinding < b.lastBinding : a.busyShare < b.busyShare;
}

/** The coordinator's own bindings, and what the node runs beside them (another coordinator's, or not yet cancelled). */
function busySlots(state: ClusterState, { replica }: ReadyReplica): number {
  const own = state.boundByReplica.get(replica.replicaId) ?? new Set<RequestId>();
  const foreign = replica.running.filter(({ requestId }) => !own.has(requestId) && !state.requests.has(requestId));
  return own.size + foreign.length;
}

type Binding = { readonly chosen: ReadyReplica; readonly nowMs: number; readonly config: CoreConfig };

function bind(state: ClusterState, record: RequestRecord, { chosen, nowMs, config }: Binding): Effect {
  const { nodeId } = chosen.member;
  const { replicaId } = chosen.replica;
  state.queue.splice(state.queue.indexOf(record), 1);
  record.epoch += 1;
  record.queueMs += nowMs - record.queuedAtMs;
  record.place = {
    kind: "bound",
    nodeId,
    replicaId,
    boundAtMs: nowMs,
    progressDeadlineMs: nowMs + config.prefillProgressMs,
  };
  boundTo(state, replicaId).add(record.requestId);
  state.bindings += 1;
  state.lastBinding.set(replicaId, state.bindings);
  const { requestId, epoch, promptTokenIds, sampling, maxTokens, stopTokenIds } = record;
  return {
    kind: "startAttempt",
    nodeId,
    queueMs: record.queueMs,
    attempt: {
      requestId,
      epoch,
      replicaId,
      promptTokenIds,
      promptChunkLengths: record.hasChunks ? [...record.promptChunkLengths] : [],
      emittedTokenIds: [...record.emittedTokenIds],
      sampling,
      maxTokens,
      stopTokenIds,
    },
  };
}

function boundTo(state: ClusterState, replicaId: ReplicaId): Set<RequestId> {
  const bound = state.boundByReplica.get(replicaId) ?? new Set<RequestId>();
  state.boundByReplica.set(replicaId, bound);
  return bound;
}

/** Takes a request off its replica. Returns the node that it was on, or null when it was not bound. */
export function unbind(state: ClusterState, record: RequestRecord): NodeId | null {
  if (record.place.kind !== "bound") return null;
  const { nodeId, replicaId } = record.place;
  const bound = state.boundByReplica.get(replicaId);
  bound?.delete(record.requestId);
  if (bound?.size === 0) state.boundByReplica.delete(replicaId);
  return nodeId;
}

/** Keeps new attempts off the replica that a request is bound to, for one heartbeat: by then the node says how it is. */
export function avoid(record: RequestRecord, { state, nowMs, config }: StepContext): void {
  if (record.place.kind !== "bound") return;
  for (const [replicaId, untilMs] of state.avoidUntilMs) {
    if (untilMs <= nowMs) state.avoidUntilMs.delete(replicaId);
  }
  state.avoidUntilMs.set(record.place.replicaId, nowMs + config.heartbeatIntervalMs);
}

/** Puts a request at its place in the order of arrival. */
export function enqueue(state: ClusterState, record: RequestRecord, nowMs: number): void {
  record.place = { kind: "queued" };
  record.queuedAtMs = nowMs;
  let index = state.queue.length;
  while (index > 0 && (state.queue[index - 1]?.order ?? 0) > record.order) index -= 1;
  state.queue.splice(index, 0, record);
}
