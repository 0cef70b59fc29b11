// Late binding: a request waits in the one queue until the replica that will answer it soonest has a free slot.
import { endsUnread } from "@pomona/shared/core/generation";
import type { ModelName, NodeId, ReplicaId, RequestId } from "@pomona/shared/core/ids";
import { prefixHashes } from "@pomona/shared/core/prefix-hash";
import { candidateOf } from "./candidates.ts";
import type { Effect } from "./effect.ts";
import { letsOthersFirst } from "./engine-deaths.ts";
import { foreignAttempts } from "./foreign-attempts.ts";
import type { Decision } from "./scheduler/decision.ts";
import { type Planning, planModel } from "./scheduler/plan.ts";
import { serviceOf } from "./scheduler/tenants.ts";
import type { ClusterState, RequestRecord, StepContext } from "./state.ts";
import { type ReadyReplica, readyReplicas } from "./views.ts";

/** After this a node that still names the attempt is dead, or has it. */
const releasedKeptMs = 5000;

/** Binds waiting requests, as long as slots are free that are worth taking. Puts it off where a long queue was just gone through. */
export function dispatch(context: StepContext): Effect[] {
  const effects: Effect[] = [];
  const { state, nowMs } = context;
  const isOwed = !mayPass(context);
  state.scheduler.pass = { atMs: isOwed ? state.scheduler.pass.atMs : nowMs, isOwed };
  if (isOwed) return effects;
  for (const { model, digest, engine, waiting } of alike(state.queue)) {
    const bind = (record: RequestRecord, ready: ReadyReplica, decision: Decision | null): void => {
      effects.push(...bindTo(context, record, { ready, decision }));
    };
    const isClosed = dispatchQuarantined(context, { waiting, bind });
    const free = waiting.filter((record) => !isQuarantined(record));
    if (free.length === 0) continue;
    const open = readyReplicas(state, model, digest).filter(({ replica }) => !isClosed(replica.replicaId));
    const ready = equalFirst(open, engine);
    planModel(planningOf(context, model, ready), free, ({ request, chosen, decision }) => {
      const { replicaId } = chosen;
      const at = ready.find(({ replica }) => replica.replicaId === replicaId);
      if (at !== undefined) bind(request, at, decision);
    });
  }
  return effects;
}

/** Whether a pass that was put off can be made up for. */
export function isDispatchOwed(context: StepContext): boolean {
  return context.state.scheduler.pass.isOwed && mayPass(context);
}

/** A thousand requests that come at once are bound in a hundred passes, not in thousands. */
function mayPass({ state, nowMs, config: { scheduler } }: StepContext): boolean {
  return state.queue.length <= scheduler.longQueue || nowMs - state.scheduler.pass.atMs >= scheduler.longQueueEveryMs;
}

/** What the scheduler is told of the replicas of a model. */
export function planningOf(context: StepContext, model: ModelName, ready: readonly ReadyReplica[]): Planning {
  const { state, nowMs, config } = context;
  const { tenants } = state.scheduler;
  const candidates = ready.map((each) => candidateOf(context, each));
  return { candidates, lengths: state.scheduler.lengthsOf(model), tenants, config: config.scheduler, nowMs };
}

type Alike = {
  readonly model: ModelName;
  readonly digest: string;
  /** What their first tokens came from; null for such as have none. */
  readonly engine: string | null;
  readonly waiting: RequestRecord[];
};

/** Waiting requests that the same replicas can answer. */
function alike(queue: readonly RequestRecord[]): readonly Alike[] {
  const groups = new Map<string, Alike>();
  for (const record of queue) {
    const { model, promptDigest: digest, emittedTokenIds, priority } = record;
    const engine = emittedTokenIds.length === 0 ? null : record.engine;
    const resumed = engine === null ? "" : `${engine} ${priority}`;
    const key = digest === "" && engine === null ? model : `${model}\n${digest}\n${resumed}`;
    const group = groups.get(key) ?? { model, digest, engine, waiting: [] };
    groups.set(key, group);
    group.waiting.push(record);
  }
  return [...groups.values()].sort((a, b) => rankOf(a) - rankOf(b));
}

/** Streams that were cut off go on before anybody begins, unless they are batch work. */
function rankOf({ engine, waiting: [first] }: Alike): number {
  if (engine === null) return 1;
  return first?.priority === "batch" ? 2 : 0;
}

/** Only an equal engine goes on exactly; where none is left, another one goes on, and that is told. */
function equalFirst(ready: readonly ReadyReplica[], engine: string | null): readonly ReadyReplica[] {
  if (engine === null) return ready;
  const equal = ready.filter((each) => engineOf(each) === engine);
  return equal.length > 0 ? equal : ready;
}

/**
 * What two replicas have in common that give the same tokens: the file, the version of the engine that comes with the
 * node-agent, what evaluates it, and the options of the deployment (KV type, template, adapters).
 */
export function engineOf({ member: { status }, replica }: ReadyReplica): string {
  return [replica.digest.slice(0, 16), status.version, status.capacity.gpu, replica.revision].join("/");
}

type Quarantining = {
  readonly waiting: readonly RequestRecord[];
  readonly bind: (record: RequestRecord, ready: ReadyReplica, decision: null) => void;
};

/**
 * Gives each request in quarantine a replica that is empty. Returns which replicas take no others: those that have one,
 * and the one that will be empty first when one has waited for a while, or new requests would fill it again and again.
 */
function dispatchQuarantined(context: StepContext, { waiting, bind }: Quarantining): (replicaId: ReplicaId) => boolean {
  const { state, nowMs, config } = context;
  let kept: ReplicaId | null = null;
  for (const record of waiting) {
    if (!isQuarantined(record)) continue;
    const empty = letsOthersFirst(record, nowMs) ? null : emptyReplica(context, record);
    if (empty !== null) bind(record, empty, null);
    else if (nowMs - record.queuedAtMs >= config.quarantineWaitMs) kept ??= leastBusy(state, record);
  }
  return (replicaId) => replicaId === kept || holdsQuarantined(state, replicaId);
}

/** Who may have killed an engine runs alone, until it is sure that it did not. */
function isQuarantined(record: RequestRecord): boolean {
  return record.engineCrashes > 0;
}

function holdsQuarantined(state: ClusterState, replicaId: ReplicaId): boolean {
  for (const requestId of state.boundByReplica.get(replicaId) ?? []) {
    const record = state.requests.get(requestId);
    if (record !== undefined && isQuarantined(record)) return true;
  }
  return false;
}

/** A replica that runs nothing and may be asked now. */
function emptyReplica({ state, nowMs }: StepContext, { model, promptDigest }: RequestRecord): ReadyReplica | null {
  const empty = readyReplicas(state, model, promptDigest).find(
    (ready) => nowMs >= (state.avoidUntilMs.get(ready.replica.replicaId) ?? 0) && busySlots(state, ready) === 0,
  );
  return empty ?? null;
}

function leastBusy(state: ClusterState, { model, promptDigest }: RequestRecord): ReplicaId | null {
  let least: ReplicaId | null = null;
  let busyMost = Number.POSITIVE_INFINITY;
  for (const ready of readyReplicas(state, model, promptDigest)) {
    const { replicaId } = ready.replica;
    const busy = busySlots(state, ready);
    if (busy >= busyMost || holdsQuarantined(state, replicaId)) continue;
    busyMost = busy;
    least = replicaId;
  }
  return least;
}

function busySlots(state: ClusterState, ready: ReadyReplica): number {
  return (state.boundByReplica.get(ready.replica.replicaId)?.size ?? 0) + foreignAttempts(state, ready);
}

type Binding = { readonly ready: ReadyReplica; readonly decision: Decision | null };

function bindTo({ state, nowMs }: StepContext, record: RequestRecord, { ready, decision }: Binding): Effect[] {
  const { nodeId } = ready.member;
  const { replicaId, slots } = ready.replica;
  const { requestId, promptTokenIds, emittedTokenIds, decoding, tenant } = record;
  state.queue.splice(state.queue.indexOf(record), 1);
  record.epoch += 1;
  record.queueMs += nowMs - record.queuedAtMs;
  const held = state.scheduler.heldBy(replicaId);
  const slot = held.slotFor(record.prefixHashes, slots);
  const cached = decision?.candidates.find((candidate) => candidate.replicaId === replicaId)?.cachedTokens ?? 0;
  const prefillLeft = Math.max(1, promptTokenIds.length + emittedTokenIds.length - cached);
  record.charged = serviceOf(prefillLeft, decision?.expectedTokens ?? 0);
  state.scheduler.tenants.charge(tenant, record.charged);
  if (slot !== null) held.take(slot, requestId, { hashes: record.prefixHashes, nowMs });
  record.place = { ...boundNow(record, nowMs), nodeId, replicaId, slot, prefillLeft };
  noteBound(state, replicaId, requestId);
  state.scheduler.noteBinding(replicaId);
  const attempt = {
    requestId,
    epoch: record.epoch,
    replicaId,
    promptTokenIds,
    promptChunkLengths: record.hasChunks ? [...record.promptChunkLengths] : [],
    emittedTokenIds: [...emittedTokenIds],
    decoding,
    ...endsUnread,
  };
  const before = emittedTokenIds.length === 0 ? null : record.engine;
  record.engine = engineOf(ready);
  const isExact = before === null || before === record.engine;
  const effects: Effect[] = [{ kind: "startAttempt", nodeId, attempt, queueMs: record.queueMs, decision, isExact }];
  if (before !== null && !isExact) {
    const announcement = { kind: "resumedUnequal", nodeId, requestId, from: before, to: record.engine } as const;
    effects.push({ kind: "announce", announcement });
  }
  return effects;
}

/** Of a place that a request gets now. */
export function boundNow({ emittedTokenIds }: RequestRecord, nowMs: number) {
  const times = { boundAtMs: nowMs, lastFrameAtMs: nowMs, reviewedTokens: emittedTokenIds.length };
  const tokensBefore = emittedTokenIds.length;
  return { kind: "bound", tokensBefore, holdsSlot: true, isRetold: false, slot: null, ...times } as const;
}

/** Counts an attempt on its replica. */
export function noteBound(state: ClusterState, replicaId: ReplicaId, requestId: RequestId): void {
  const bound = state.boundByReplica.get(replicaId) ?? new Set<RequestId>();
  state.boundByReplica.set(replicaId, bound.add(requestId));
}

/** The node says which slot it took. */
export function noteSlot(state: ClusterState, record: RequestRecord, { slot, nowMs }: SlotNote): void {
  if (record.place.kind !== "bound" || !record.place.holdsSlot || record.place.slot === slot) return;
  const held = state.scheduler.heldBy(record.place.replicaId);
  // What was expected there is not known any more: a heartbeat tells.
  if (record.place.slot !== null) held.forget(record.place.slot, record.requestId);
  held.take(slot, record.requestId, { hashes: record.prefixHashes, nowMs });
  record.place.slot = slot;
}

type SlotNote = { readonly slot: number; readonly nowMs: number };

/** Takes a request off its replica. Returns the node that it was on, or null when it was not bound. */
export function unbind(state: ClusterState, record: RequestRecord, nowMs: number): NodeId | null {
  if (record.place.kind !== "bound") return null;
  const { nodeId, replicaId, holdsSlot } = record.place;
  if (!holdsSlot) return nodeId;
  const bound = state.boundByReplica.get(replicaId);
  bound?.delete(record.requestId);
  if (bound?.size === 0) state.boundByReplica.delete(replicaId);
  releaseSlot(state, record, nowMs);
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

/** The slot keeps what was evaluated in it, for the next one that begins the same. */
function releaseSlot(state: ClusterState, record: RequestRecord, nowMs: number): void {
  const { requestId, place, promptTokenIds, emittedTokenIds, decoding } = record;
  if (place.kind !== "bound" || place.slot === null) return;
  const evaluated = [...promptTokenIds, ...emittedTokenIds];
  evaluated.length = Math.max(0, evaluated.length - place.prefillLeft);
  const hashes = prefixHashes(evaluated, decoding.cacheScope);
  state.scheduler.heldBy(place.replicaId).release(place.slot, requestId, { hashes, nowMs });
}

/** Keeps new attempts off the replica that a request is bound to. */
export function avoid(state: ClusterState, record: RequestRecord, untilMs: number): void {
  if (record.place.kind !== "bound") return;
  const { replicaId } = record.place;
  state.avoidUntilMs.set(replicaId, Math.max(untilMs, state.avoidUntilMs.get(replicaId) ?? 0));
}

/** Puts a request at its place in the order of arrival. Its tenant is not charged for an attempt that was lost. */
export function enqueue(state: ClusterState, record: RequestRecord, nowMs: number): void {
  record.place = { kind: "queued" };
  record.queuedAtMs = nowMs;
  state.scheduler.tenants.charge(record.tenant, -record.charged);
  record.charged = 0;
  record.evaluatedTokens = 0;
  let index = state.queue.length;
  while (index > 0 && (state.queue[index - 1]?.order ?? 0) > record.order) index -= 1;
  state.queue.splice(index, 0, record);
}
