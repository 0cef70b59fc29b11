// What became of loads: how often one is tried again, and what everyone is told.
import type { GenerationFailure } from "@pomona/shared/core/generation";
import type { ReplicaId } from "@pomona/shared/core/ids";
import type { ReplicaStatus } from "@pomona/shared/core/node-status";
import type { Effect } from "./effect.ts";
import { giveUpLoad } from "./membership.ts";
import type { Member, StepContext } from "./state.ts";

/** A load ended well: the replica counts at once, before the next heartbeat. */
export function takeLoaded(member: Member, replica: ReplicaStatus, { nowMs, config }: StepContext): Effect[] {
  // The answer to a load that was given up, or of an earlier process: heartbeats tell what became of it.
  if (member.loading?.replicaId !== replica.replicaId) return [];
  endLoad(member, replica.model);
  member.justLoaded = { replica, untilMs: nowMs + 2 * config.heartbeatIntervalMs };
  const others = member.status.replicas.filter((other) => other.replicaId !== replica.replicaId);
  member.status = { ...member.status, replicas: [...others, replica] };
  const { nodeId } = member;
  const { model, loadMs } = replica;
  return [{ kind: "announce", announcement: { kind: "replicaReady", nodeId, model, loadMs } }];
}

type FailedLoad = { readonly replicaId: ReplicaId; readonly model: string; readonly failure: GenerationFailure };

/** A load failed: back off, for ever when trying again cannot help. */
export function takeLoadFailure(member: Member, load: FailedLoad, context: StepContext): Effect[] {
  const { loading } = member;
  if (loading?.replicaId !== load.replicaId) return [];
  giveUpLoad(member, context.state);
  // What failed is not what is asked for any more.
  if (context.state.deployments.get(load.model)?.runKey !== loading.runKey) return [];
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
    const runKey = context.state.deployments.get(model)?.runKey;
    const isOutdated = isOwnLoad
      ? member.loading?.runKey !== runKey
      : replica.revision !== "" && replica.revision !== runKey;
    if (isOwnLoad) giveUpLoad(member, context.state);
    if (isOutdated) continue;
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
