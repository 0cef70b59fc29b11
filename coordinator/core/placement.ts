// The first placement: one replica of every model on every node whose memory it fits, the biggest model first.
import type { GenerationFailure } from "@pomona/shared/core/generation";
import type { ReplicaId } from "@pomona/shared/core/ids";
import { loadedInPlace, type ReplicaStatus } from "@pomona/shared/core/node-status";
import { totalBytes } from "@pomona/shared/core/replica-memory";
import type { Effect } from "./effect.ts";
import { expectedLoadMs } from "./load-time.ts";
import { takesWork } from "./membership.ts";
import type { ClusterState, CoreConfig, Deployment, Member, StepContext } from "./state.ts";
import { freeBytesOf, isServing, neededBytesOn, suits } from "./views.ts";

/** A replica that should go is asked again after this time, in case the call was lost. */
const unloadRetryMs = 10_000;

/** Starts at most one load on each node. Call it after anything that may free memory or add a node or a model. */
export function place(state: ClusterState, nowMs: number, config: CoreConfig): Effect[] {
  const effects: Effect[] = [];
  const bySize = [...state.deployments.values()]
    .filter((deployment) => deployment.failure === null)
    .sort((a, b) => totalBytes(b.memory) - totalBytes(a.memory) || compareText(a.model, b.model));
  for (const member of state.members.values()) {
    if (!takesWork(member)) continue;
    effects.push(...unloadStrays(state, member, nowMs));
    if (isLoading(member)) continue;
    const deployment = nextToLoad(state, member, { bySize, nowMs });
    if (deployment === undefined) continue;
    state.replicasNamed += 1;
    const replicaId = `${config.replicaPrefix}-${state.replicasNamed}`;
    const { model, source, slots, contextLength, engine } = deployment;
    const bytes = neededBytesOn(state, member, deployment);
    member.loading = { replicaId, model, bytes, readyAtMs: nowMs + expectedLoadMs(member, deployment) };
    const spec = { model, source, slots, contextLength, engine, ...loadedInPlace };
    effects.push({ kind: "loadReplica", nodeId: member.nodeId, replicaId, spec });
  }
  return effects;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** Idle replicas that an earlier coordinator left and nobody asks for hold memory: they go. */
function unloadStrays(state: ClusterState, member: Member, nowMs: number): Effect[] {
  const strays = member.status.replicas.filter((replica) => {
    const isIdle = replica.running.length === 0 && !state.boundByReplica.has(replica.replicaId);
    const isAsked = nowMs < (member.unloadAskedAtMs.get(replica.replicaId) ?? Number.NEGATIVE_INFINITY) + unloadRetryMs;
    return replica.state === "ready" && isIdle && !isAsked && !isServing(state, member, replica);
  });
  for (const { replicaId } of strays) member.unloadAskedAtMs.set(replicaId, nowMs);
  return strays.map(({ replicaId }) => ({ kind: "unloadReplica", nodeId: member.nodeId, replicaId }));
}

function isLoading(member: Member): boolean {
  // One that comes back after its engine died has a failure to tell; others need not wait for it.
  const isFirstLoad = ({ state, failure }: ReplicaStatus): boolean => state === "loading" && failure === null;
  return member.loading !== null || member.status.replicas.some(isFirstLoad);
}

/** The biggest missing model that fits. One that waits for its next try keeps its room, or smaller ones would take it. */
function nextToLoad(
  state: ClusterState,
  member: Member,
  { bySize, nowMs }: { readonly bySize: readonly Deployment[]; readonly nowMs: number },
): Deployment | undefined {
  let freeBytes = freeBytesOf(member);
  for (const deployment of bySize) {
    const neededBytes = neededBytesOn(state, member, deployment);
    if (isThere(member, deployment) || neededBytes > freeBytes) continue;
    const retryAtMs = member.loadFailures.get(deployment.model)?.retryAtMs ?? nowMs;
    if (retryAtMs <= nowMs) return deployment;
    if (Number.isFinite(retryAtMs)) freeBytes -= neededBytes;
  }
  return undefined;
}

function isThere(member: Member, deployment: Deployment): boolean {
  return member.status.replicas.some((replica) => replica.state !== "failed" && suits(replica, deployment));
}

/** A load ended well: the replica counts at once, before the next heartbeat. */
export function takeLoaded(member: Member, replica: ReplicaStatus, { nowMs, config }: StepContext): void {
  // The answer to a load that was given up, or of an earlier process: heartbeats tell what became of it.
  if (member.loading?.replicaId !== replica.replicaId) return;
  endLoad(member, replica.model);
  member.justLoaded = { replica, untilMs: nowMs + 2 * config.heartbeatIntervalMs };
  const others = member.status.replicas.filter((other) => other.replicaId !== replica.replicaId);
  member.status = { ...member.status, replicas: [...others, replica] };
}

type FailedLoad = { readonly replicaId: ReplicaId; readonly model: string; readonly failure: GenerationFailure };

/** A load failed: back off, for ever when trying again cannot help. */
export function takeLoadFailure(member: Member, load: FailedLoad, context: StepContext): Effect[] {
  if (member.loading?.replicaId !== load.replicaId) return [];
  member.loading = null;
  if (load.failure.code === "node_lost") {
    // Nothing is known of the load, so it is no failure of the model; a heartbeat comes before the next try.
    const before = member.loadFailures.get(load.model);
    const retryAtMs = context.nowMs + context.config.loadRetryMinMs;
    member.loadFailures.set(load.model, { ...(before ?? noFailures), ...load, retryAtMs });
  } else {
    backOff(member, load, { context, wasReady: false });
  }
  return [announced(member, load)];
}

/**
 * Notes what a heartbeat says of loads and replicas: it may come before the answer to a load, or when that is lost. The
 * first crash of a replica is made good at once.
 */
export function noteReplicas(member: Member, before: readonly ReplicaStatus[], context: StepContext): Effect[] {
  const effects: Effect[] = [];
  for (const replica of member.status.replicas) {
    const { replicaId, model, state, failure } = replica;
    const isOwnLoad = member.loading?.replicaId === replicaId;
    if (isOwnLoad && state === "ready") endLoad(member, model);
    if (state !== "failed" || failure === null) continue;
    const old = before.find((listed) => listed.replicaId === replicaId);
    const isNoted = member.loadFailures.get(model)?.replicaId === replicaId || old?.state === "failed";
    if (!isOwnLoad && (old === undefined || isNoted)) continue;
    if (isOwnLoad) member.loading = null;
    backOff(member, { replicaId, model, failure }, { context, wasReady: old?.state === "ready" });
    effects.push(announced(member, { replicaId, model, failure }));
  }
  return effects;
}

function endLoad(member: Member, model: string): void {
  member.loading = null;
  const failed = member.loadFailures.get(model);
  if (failed !== undefined) member.loadFailures.set(model, { ...failed, failedLoads: 0 });
}

const noFailures = { count: 0, failedLoads: 0, failedAtMs: Number.NEGATIVE_INFINITY };

type BackOff = { readonly context: StepContext; readonly wasReady: boolean };

function backOff(member: Member, load: FailedLoad, { context, wasReady }: BackOff): void {
  const { nowMs, config } = context;
  const before = member.loadFailures.get(load.model) ?? noFailures;
  const count = (nowMs - before.failedAtMs < config.loadForgivenMs ? before.count : 0) + 1;
  // An engine that was ready can be loaded; whatever killed it may be a request, and those come from outside.
  const failedLoads = wasReady ? 0 : before.failedLoads + 1;
  const exponent = count - (wasReady ? 2 : 1);
  const waitMs = exponent < 0 ? 0 : Math.min(config.loadRetryMinMs * 2 ** exponent, config.loadRetryMaxMs);
  // Memory may become free; the file of a model that is no model stays what it is.
  const canHelp = load.failure.isRetryable || load.failure.code === "insufficient_memory";
  const retryAtMs = canHelp && failedLoads <= config.loadRetriesMax ? nowMs + waitMs : Number.POSITIVE_INFINITY;
  const { replicaId, failure } = load;
  member.loadFailures.set(load.model, { replicaId, failure, count, failedLoads, failedAtMs: nowMs, retryAtMs });
}

function announced({ nodeId }: Member, { model, failure }: FailedLoad): Effect {
  const { code, message } = failure;
  return { kind: "announce", announcement: { kind: "loadFailed", nodeId, model, code, message } };
}
