// Whether a model still answers when a node dies, and the copies that see to it.
import { heldBytes, type ReplicaMemory } from "@pomona/shared/core/replica-memory";
import { budgetOf, hasLabels, isDraining, settingsOf } from "./deployments.ts";
import type { Effect } from "./effect.ts";
import { canFetch, startPull } from "./fetching.ts";
import { takesWork } from "./membership.ts";
import { holdsFiles } from "./model-sources.ts";
import { isCurrent, memoryOn, otherBytesOf } from "./placement-problem.ts";
import type { ClusterState, Deployment, Member, StepContext } from "./state.ts";

/** Nodes that answer for a model, or could after a load: its files are there, and all that is not pinned can make room. */
export function standIns(state: ClusterState, deployment: Deployment): Member[] {
  return [...state.members.values()].filter((member) => isStandIn(state, member, deployment));
}

function isStandIn(state: ClusterState, member: Member, deployment: Deployment): boolean {
  if (!takesWork(member) || isDraining(state, member)) return false;
  const isReady = member.status.replicas.some(
    (replica) => replica.model === deployment.model && replica.state === "ready" && isCurrent(replica, deployment),
  );
  return isReady || (holdsFiles(state, member, deployment) && couldHold(state, member, deployment));
}

/** Whether it would fit if all others that are not pinned had left. */
export function couldHold(state: ClusterState, member: Member, deployment: Deployment): boolean {
  const memory = memoryOn(state, member, deployment);
  if (memory === null || settingsOf(state, member.nodeId).isCordoned || isDraining(state, member)) return false;
  if (!hasLabels(state, member, deployment)) return false;
  const failed = member.loadFailures.get(deployment.model);
  if (failed !== undefined && !Number.isFinite(failed.retryAtMs)) return false;
  const pinned: ReplicaMemory[] = member.status.replicas
    .filter(({ model, state: replicaState }) => {
      if (model === deployment.model || replicaState === "failed") return false;
      return state.deployments.get(model)?.record.spec.isPinned === true;
    })
    .map((replica) => replica.memory);
  return heldBytes([...pinned, memory]) <= budgetOf(state, member) - otherBytesOf(member);
}

/** Whether any one node may die and the model still answers. */
export function survivesNodeLoss(state: ClusterState, deployment: Deployment): boolean {
  return standIns(state, deployment).length >= 2;
}

/** Copies files until as many nodes can answer for each model as its deployment wants. */
export function keepCopies(context: StepContext): Effect[] {
  return [...context.state.deployments.values()].flatMap((deployment) => {
    const reason = `${deployment.record.spec.availability} nodes shall be able to answer for it`;
    return copyTargets(context, deployment)
      .filter(({ pulling }) => pulling === null)
      .flatMap((member) => startPull(context, member, { deployment, reason }));
  });
}

/** Nodes that are to get a copy: as many as are missing, those not counted that were just lost. Most free disk first. */
export function copyTargets(context: StepContext, deployment: Deployment): Member[] {
  const { state } = context;
  const { availability } = deployment.record.spec;
  const able = standIns(state, deployment);
  const coming = [...state.members.values()].filter(({ pulling }) => pulling?.model === deployment.model).length;
  const missing = availability - able.length - coming - lostRecently(context, deployment);
  if (deployment.facts === null || missing <= 0) return [];
  return [...state.members.values()]
    .filter(
      (member) =>
        !able.includes(member) &&
        couldHold(state, member, deployment) &&
        !holdsFiles(state, member, deployment) &&
        canFetch(context, member, deployment),
    )
    .sort((a, b) => freeDisk(b) - freeDisk(a))
    .slice(0, missing);
}

function freeDisk({ status }: Member): number {
  return status.capacity.diskFreeBytes;
}

/** Nodes that may be back with their copies. */
function lostRecently({ state, nowMs, config }: StepContext, deployment: Deployment): number {
  return [...state.members.values()].filter(
    (member) =>
      !takesWork(member) &&
      !isDraining(state, member) &&
      nowMs - member.lastHeartbeatMs < 1000 * config.placement.lossGrace &&
      holdsFiles(state, member, deployment),
  ).length;
}
