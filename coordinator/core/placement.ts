// The first placement: one replica of every model on every node whose memory it fits, the biggest model first.
import type { GenerationFailure } from "@pomona/shared/core/generation";
import type { ReplicaId } from "@pomona/shared/core/ids";
import type { ReplicaStatus } from "@pomona/shared/core/node-status";
import { totalBytes } from "@pomona/shared/core/replica-memory";
import type { Effect } from "./effect.ts";
import { takesWork } from "./membership.ts";
import type { ClusterState, CoreConfig, Deployment, Member } from "./state.ts";

/** Starts at most one load on each node. Call it after anything that may free memory or add a node or a model. */
export function place(state: ClusterState, nowMs: number, config: CoreConfig): Effect[] {
  const effects: Effect[] = [];
  const bySize = [...state.deployments.values()]
    .filter((deployment) => deployment.failure === null)
    .sort((a, b) => totalBytes(b.memory) - totalBytes(a.memory) || compareText(a.model, b.model));
  for (const member of state.members.values()) {
    if (!takesWork(member) || isLoading(member)) continue;
    const deployment = bySize.find((candidate) => shouldLoad(member, candidate, nowMs));
    if (deployment === undefined) continue;
    state.replicasNamed += 1;
    const replicaId = `${config.replicaPrefix}-${state.replicasNamed}`;
    member.loading = replicaId;
    const { model, source, slots, contextLength } = deployment;
    effects.push({
      kind: "loadReplica",
      nodeId: member.nodeId,
      replicaId,
      spec: { model, source, slots, contextLength },
    });
  }
  return effects;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function isLoading(member: Member): boolean {
  return member.loading !== null || member.status.replicas.some((replica) => replica.state === "loading");
}

function shouldLoad(member: Member, deployment: Deployment, nowMs: number): boolean {
  const isThere = member.status.replicas.some(
    (replica) => replica.model === deployment.model && replica.state !== "failed",
  );
  if (isThere) return false;
  const failures = member.loadFailures.get(deployment.model);
  if (failures !== undefined && nowMs < failures.retryAtMs) return false;
  return totalBytes(deployment.memory) <= member.status.capacity.freeBytes;
}

/** A load ended well: the replica counts at once, before the next heartbeat. */
export function takeLoaded(member: Member, replica: ReplicaStatus): void {
  if (member.loading === replica.replicaId) member.loading = null;
  member.loadFailures.delete(replica.model);
  const others = member.status.replicas.filter((other) => other.replicaId !== replica.replicaId);
  member.status = { ...member.status, replicas: [...others, replica] };
}

/** A load failed: back off, for ever when trying again cannot help. */
export function takeLoadFailure(
  member: Member,
  load: {
    readonly replicaId: ReplicaId;
    readonly model: string;
    readonly failure: GenerationFailure;
    readonly nowMs: number;
  },
  config: CoreConfig,
): Effect {
  if (member.loading === load.replicaId) member.loading = null;
  const count = (member.loadFailures.get(load.model)?.count ?? 0) + 1;
  const isFinal = !load.failure.isRetryable || count > config.loadRetriesMax;
  const waitMs = Math.min(config.loadRetryMinMs * 2 ** (count - 1), config.loadRetryMaxMs);
  member.loadFailures.set(load.model, {
    count,
    retryAtMs: isFinal ? Number.POSITIVE_INFINITY : load.nowMs + waitMs,
    failure: load.failure,
  });
  const { code, message } = load.failure;
  return {
    kind: "announce",
    announcement: { kind: "loadFailed", nodeId: member.nodeId, model: load.model, code, message },
  };
}
