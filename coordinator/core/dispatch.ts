// Late binding: a request waits in the one queue until a ready replica has a free slot, and goes to the least busy.
import type { ModelName, NodeId, ReplicaId, RequestId } from "@pomona/shared/core/ids";
import type { Effect } from "./effect.ts";
import type { ClusterState, CoreConfig, RequestRecord } from "./state.ts";
import { type ReadyReplica, readyReplicas } from "./views.ts";

/** Longest time that a heartbeat is on its way, and a cancelled attempt in its slot (contract: 500 ms). */
const releaseGraceMs = 500;

/** After this a node that still names the attempt is dead, or has it. */
const releasedKeptMs = 5000;

/** Binds waiting requests in the order of their arrival, as long as slots are free. */
export function dispatch(state: ClusterState, nowMs: number, config: CoreConfig): Effect[] {
  const effects: Effect[] = [];
  const full = new Set<ModelName>();
  const kept = new Map<ModelName, ReplicaId>();
  for (const record of [...state.queue]) {
    const { model } = record;
    if (full.has(model)) continue;
    const chosen = chooseReplica(state, record, { nowMs, kept: kept.get(model) ?? null });
    if (chosen !== null) {
      effects.push(bind(state, record, { chosen, nowMs, config }));
    } else if (!isQuarantined(record)) {
      // FIFO within a model; a model without a free slot does not hold up the others.
      full.add(model);
    } else if (!kept.has(model)) {
      keepForQuarantine(state, model, kept);
    }
  }
  return effects;
}

type Candidate = ReadyReplica & { readonly busyShare: number; readonly lastBinding: number };

/**
 * The replica with the smallest share of busy slots; among equals the one that was bound longest ago; null when none is
 * free. `kept` takes no new requests, because one in quarantine waits for it to run empty.
 */
export function chooseReplica(
  state: ClusterState,
  record: RequestRecord,
  { nowMs, kept }: { readonly nowMs: number; readonly kept: ReplicaId | null },
): ReadyReplica | null {
  let best: Candidate | null = null;
  for (const ready of readyReplicas(state, record.model)) {
    const { replicaId, slots } = ready.replica;
    if (nowMs < (state.avoidUntilMs.get(replicaId) ?? 0)) continue;
    const busy = busySlots(state, ready);
    if (isQuarantined(record) ? busy > 0 : busy >= slots || replicaId === kept || isQuarantine(state, replicaId))
      continue;
    const candidate = { ...ready, busyShare: busy / slots, lastBinding: state.lastBinding.get(replicaId) ?? -1 };
    if (best === null || isBetter(candidate, best)) best = candidate;
  }
  return best;
}

/** Who was there when an engine died may have killed it: from then on it runs alone, so that no other is blamed with it. */
function isQuarantined(record: RequestRecord): boolean {
  return record.engineCrashes > 0;
}

function isQuarantine(state: ClusterState, replicaId: ReplicaId): boolean {
  for (const requestId of state.boundByReplica.get(replicaId) ?? []) {
    const record = state.requests.get(requestId);
    if (record !== undefined && isQuarantined(record)) return true;
  }
  return false;
}

/** Keeps the replica that will be empty first for a request in quarantine, or new ones would fill it again and again. */
function keepForQuarantine(state: ClusterState, model: ModelName, kept: Map<ModelName, ReplicaId>): void {
  let leastBusy = Number.POSITIVE_INFINITY;
  for (const ready of readyReplicas(state, model)) {
    const { replicaId } = ready.replica;
    const busy = busySlots(state, ready);
    if (busy >= leastBusy || isQuarantine(state, replicaId)) continue;
    leastBusy = busy;
    kept.set(model, replicaId);
  }
}

function isBetter(a: Candidate, b: Candidate): boolean {
  return a.busyShare === b.busyShare ? a.lastBinding < b.lastBinding : a.busyShare < b.busyShare;
}

/** The coordinator's own bindings, and what the node runs beside them: another coordinator's, or not cancelled yet. */
function busySlots(state: ClusterState, { member, replica }: ReadyReplica): number {
  const own = state.boundByReplica.get(replica.replicaId);
  const released = state.releasedAtMs.get(replica.replicaId);
  let busy = own?.size ?? 0;
  for (const { requestId } of replica.running) {
    if (own?.has(requestId) === true) continue;
    // A heartbeat that may have left before the attempt ended says nothing about now.
    const releasedAtMs = released?.get(requestId);
    const isStale = releasedAtMs !== undefined && member.lastHeartbeatMs - releasedAtMs < releaseGraceMs;
    if (!isStale) busy += 1;
  }
  return busy;
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
  const { requestId, epoch, promptTokenIds, decoding } = record;
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
      decoding,
    },
  };
}

function boundTo(state: ClusterState, replicaId: ReplicaId): Set<RequestId> {
  const bound = state.boundByReplica.get(replicaId) ?? new Set<RequestId>();
  state.boundByReplica.set(replicaId, bound);
  return bound;
}

/** Takes a request off its replica. Returns the node that it was on, or null when it was not bound. */
export function unbind(state: ClusterState, record: RequestRecord, nowMs: number): NodeId | null {
  if (record.place.kind !== "bound") return null;
  const { nodeId, replicaId } = record.place;
  const bound = state.boundByReplica.get(replicaId);
  bound?.delete(record.requestId);
  if (bound?.size === 0) state.boundByReplica.delete(replicaId);
  const released = state.releasedAtMs.get(replicaId) ?? new Map<RequestId, number>();
  state.releasedAtMs.set(replicaId, released);
  // Insertion order is order of time: the first ones are too old to matter.
  for (const [requestId, releasedAtMs] of released) {
    if (nowMs - releasedAtMs < releasedKeptMs) break;
    released.delete(requestId);
  }
  released.delete(record.requestId);
  released.set(record.requestId, nowMs);
  return nodeId;
}

/** Keeps new attempts off the replica that a request is bound to. */
export function avoid(state: ClusterState, record: RequestRecord, untilMs: number): void {
  if (record.place.kind !== "bound") return;
  const { replicaId } = record.place;
  state.avoidUntilMs.set(replicaId, Math.max(untilMs, state.avoidUntilMs.get(replicaId) ?? 0));
}

/** Puts a request at its place in the order of arrival. */
export function enqueue(state: ClusterState, record: RequestRecord, nowMs: number): void {
  record.place = { kind: "queued" };
  record.queuedAtMs = nowMs;
  let index = state.queue.length;
  while (index > 0 && (state.queue[index - 1]?.order ?? 0) > record.order) index -= 1;
  state.queue.splice(index, 0, record);
}
