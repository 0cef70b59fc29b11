// Read-only views of the state, for the APIs and for metrics.
import type { ModelName } from "@pomona/shared/core/ids";
import type { ReplicaStatus } from "@pomona/shared/core/node-status";
import { totalBytes } from "@pomona/shared/core/replica-memory";
import type { ModelSummary, Readiness } from "./generation-request.ts";
import { takesWork } from "./membership.ts";
import type { ClusterState, Deployment, Member } from "./state.ts";

/** A ready replica on a node that takes work. */
export type ReadyReplica = { readonly member: Member; readonly replica: ReplicaStatus };

export function readyReplicas(state: ClusterState, model: ModelName): ReadyReplica[] {
  const ready: ReadyReplica[] = [];
  for (const member of state.members.values()) {
    if (!takesWork(member)) continue;
    for (const replica of member.status.replicas) {
      if (replica.model === model && replica.state === "ready") ready.push({ member, replica });
    }
  }
  return ready;
}

/** Every model of the pool by name, with the reason where it is not ready. */
export function modelSummaries(state: ClusterState): ModelSummary[] {
  return [...state.deployments.values()]
    .map((deployment) => summaryOf(state, deployment))
    .sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
}

function summaryOf(state: ClusterState, deployment: Deployment): ModelSummary {
  const readyCount = readyReplicas(state, deployment.model).length;
  return {
    name: deployment.model,
    ...stateOf(state, deployment, readyCount),
    contextLength: deployment.contextLength,
    readyReplicas: readyCount,
    createdAtMs: deployment.createdAtMs,
  };
}

function stateOf(
  state: ClusterState,
  deployment: Deployment,
  readyCount: number,
): Pick<ModelSummary, "state" | "reason"> {
  if (deployment.failure !== null) return { state: "failed", reason: deployment.failure.message };
  if (readyCount > 0) return { state: "ready", reason: "" };
  const members = [...state.members.values()].filter((member) => member.state !== "dead");
  if (members.length === 0) return { state: "unplaced", reason: "no node is alive" };
  if (members.some((member) => isOnItsWay(member, deployment.model))) {
    return { state: "loading", reason: "the first replica is loading" };
  }
  for (const member of members) {
    const failed = member.loadFailures.get(deployment.model);
    if (failed !== undefined) return { state: "failed", reason: failed.failure.message };
  }
  const freeBytes = Math.max(...members.map((member) => member.status.capacity.freeBytes));
  const neededBytes = totalBytes(deployment.memory);
  if (neededBytes > freeBytes) {
    return { state: "unplaced", reason: `it needs ${neededBytes} bytes, and the freest node has ${freeBytes}` };
  }
  return { state: "loading", reason: "waiting for a node" };
}

function isOnItsWay(member: Member, model: ModelName): boolean {
  return member.status.replicas.some((replica) => replica.model === model && replica.state === "loading");
}

/** Ready when at least one model answers; the reasons name those that do not. */
export function readinessOf(state: ClusterState): Readiness {
  const models = modelSummaries(state);
  const waiting = models.filter((model) => model.state !== "ready");
  const reasons = waiting.map((model) => `model ${model.name} is ${model.state}: ${model.reason}`);
  if (models.length === 0) reasons.push("no model is deployed");
  return { isReady: waiting.length < models.length, reasons };
}

export function queueDepths(state: ClusterState): Map<ModelName, number> {
  const depths = new Map([...state.deployments.keys()].map((model) => [model, 0]));
  for (const { model } of state.queue) depths.set(model, (depths.get(model) ?? 0) + 1);
  return depths;
}
