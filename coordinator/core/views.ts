// Read-only views of the state, for the APIs and for metrics.
import type { ModelName } from "@pomona/shared/core/ids";
import type { ReplicaStatus } from "@pomona/shared/core/node-status";
import { addedBytes, heldBytes, type ReplicaMemory, totalBytes } from "@pomona/shared/core/replica-memory";
import type { ModelSummary, Readiness } from "./generation-request.ts";
import { takesWork } from "./membership.ts";
import type { ClusterState, Deployment, Member } from "./state.ts";

/** A ready replica on a node that takes work. */
export type ReadyReplica = { readonly member: Member; readonly replica: ReplicaStatus };

/** The replicas that requests of a model may be bound to; at most one on a node. */
export function readyReplicas(state: ClusterState, model: ModelName): ReadyReplica[] {
  const ready: ReadyReplica[] = [];
  const deployment = state.deployments.get(model);
  if (deployment === undefined) return ready;
  for (const member of state.members.values()) {
    if (!takesWork(member)) continue;
    const replica = servingReplica(member, deployment);
    if (replica !== undefined) ready.push({ member, replica });
  }
  return ready;
}

/** Two of a model on one node happen after a lost answer to a load: the one with the lower id serves. */
function servingReplica(member: Member, deployment: Deployment): ReplicaStatus | undefined {
  let serving: ReplicaStatus | undefined;
  for (const replica of member.status.replicas) {
    if (replica.state !== "ready" || !suits(replica, deployment)) continue;
    if (serving === undefined || replica.replicaId < serving.replicaId) serving = replica;
  }
  return serving;
}

/** Whether a replica is one that a deployment asks for, whichever coordinator loaded it. */
export function suits(replica: ReplicaStatus, deployment: Deployment): boolean {
  return replica.model === deployment.model && replica.contextLength >= deployment.contextLength;
}

/** Whether a ready replica is the one of its model on its node. */
export function isServing(state: ClusterState, member: Member, replica: ReplicaStatus): boolean {
  const deployment = state.deployments.get(replica.model);
  return deployment !== undefined && servingReplica(member, deployment) === replica;
}

/** Bytes of a node's budget that nothing holds: what it says, and no more than its replicas leave. */
export function freeBytesOf(member: Member): number {
  const { budgetBytes, freeBytes } = member.status.capacity;
  return Math.min(freeBytes, budgetBytes - heldBytes(heldMemories(member)));
}

/**
 * Bytes that a replica of a deployment takes of a node's budget: less than all where the node has a replica of another
 * model from the same file, such as a variant with adapters, whose mapped pages it would share.
 */
export function neededBytesOn(state: ClusterState, member: Member, { source, memory }: Deployment): number {
  const variant = member.status.replicas.find(
    (replica) =>
      replica.state !== "failed" &&
      replica.memory.mappedFile !== undefined &&
      state.deployments.get(replica.model)?.source === source,
  );
  const mappedFile = variant?.memory.mappedFile;
  if (mappedFile === undefined) return totalBytes(memory);
  return addedBytes({ ...memory, mappedFile }, heldMemories(member));
}

function heldMemories({ status }: Member): ReplicaMemory[] {
  return status.replicas.filter(({ state }) => state !== "failed").map(({ memory }) => memory);
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
  const living = [...state.members.values()].filter((member) => member.state !== "dead");
  if (living.length === 0) return { state: "unplaced", reason: "no node is alive" };
  const members = living.filter((member) => member.status.state === "serving");
  if (members.length === 0) return { state: "unplaced", reason: "every node is draining" };
  if (members.some((member) => servingReplica(member, deployment) !== undefined)) {
    return { state: "loading", reason: "the node that has it cannot be reached at the moment" };
  }
  if (members.some((member) => isOnItsWay(member, deployment.model))) {
    return { state: "loading", reason: "the first replica is loading" };
  }
  const outlook = outlookOf(state, members, deployment);
  const isHeld = living.some((member) => servingReplica(member, deployment) !== undefined);
  return outlook.state === "failed" && isHeld
    ? { state: "unplaced", reason: "the node that has it is draining" }
    : outlook;
}

/** No replica is there or on its way: will one come, and what stands against it? */
function outlookOf(
  state: ClusterState,
  members: readonly Member[],
  deployment: Deployment,
): Pick<ModelSummary, "state" | "reason"> {
  const failures = members.flatMap((member) => member.loadFailures.get(deployment.model) ?? []);
  const hopeful = members.filter((member) => {
    const retryAtMs = member.loadFailures.get(deployment.model)?.retryAtMs ?? 0;
    return neededBytesOn(state, member, deployment) <= freeBytesOf(member) && Number.isFinite(retryAtMs);
  });
  if (hopeful.length > 0) {
    const [failed] = failures;
    const reason =
      failed === undefined ? "waiting for a node" : `loading failed and is tried again: ${failed.failure.message}`;
    return { state: "loading", reason };
  }
  const final = failures.find(({ retryAtMs }) => retryAtMs === Number.POSITIVE_INFINITY);
  if (final !== undefined) return { state: "failed", reason: final.failure.message };
  const freeBytes = Math.max(...members.map(freeBytesOf));
  const neededBytes = Math.min(...members.map((member) => neededBytesOn(state, member, deployment)));
  return { state: "unplaced", reason: `it needs ${neededBytes} bytes, and the freest node has ${freeBytes}` };
}

function isOnItsWay(member: Member, model: ModelName): boolean {
  if (member.loading?.model === model) return true;
  return member.status.replicas.some((replica) => replica.model === model && replica.state === "loading");
}

/** Those of the models that no node will load, with the reason. */
export function failedModels(state: ClusterState, models: ReadonlySet<ModelName>): Map<ModelName, string> {
  const failed = new Map<ModelName, string>();
  for (const model of models) {
    const deployment = state.deployments.get(model);
    if (deployment === undefined) continue;
    const summary = summaryOf(state, deployment);
    if (summary.state === "failed") failed.set(model, summary.reason);
  }
  return failed;
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
