// Whether a model still answers when a node dies, and the copies that see to it.
import type { ModelName, NodeId } from "@pomona/shared/core/ids";
import { heldBytes, type ReplicaMemory } from "@pomona/shared/core/replica-memory";
import { isDraining, settingsOf } from "./deployments.ts";
import type { Effect } from "./effect.ts";
import { canFetch, startPull } from "./fetching.ts";
import { takesWork } from "./membership.ts";
import { holdsFiles } from "./model-sources.ts";
import { budgetOf, hasLabels, isCurrent, memoryOn } from "./placement-problem.ts";
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
  if (memory === null || settingsOf(state, member.nodeId).isCordoned || !hasLabels(state, member, deployment))
    return false;
  const failed = member.loadFailures.get(deployment.model);
  if (failed !== undefined && !Number.isFinite(failed.retryAtMs)) return false;
  const pinned: ReplicaMemory[] = member.status.replicas
    .filter(({ model, state: replicaState }) => {
      if (model === deployment.model || replicaState === "failed") return false;
      return state.deployments.get(model)?.record.spec.isPinned === true;
    })
    .map((replica) => replica.memory);
  return heldBytes([...pinned, memory]) <= budgetOf(state, member);
}

/** Whether any one node may die and the model still answers. */
export function survivesNodeLoss(state: ClusterState, deployment: Deployment): boolean {
  return standIns(state, deployment).length >= 2;
}

/** The models that are lost with a node. */
export function lostWith(state: ClusterState, nodeId: NodeId): ModelName[] {
  return [...state.deployments.values()].flatMap((deployment) => {
    const able = standIns(state, deployment);
    return able.length > 0 && able.every((member) => member.nodeId === nodeId) ? [deployment.model] : [];
  });
}

/** Copies files until as many nodes can answer for each model as its deployment wants, those that were just lost included. */
export function keepCopies(context: StepContext): Effect[] {
  const { state } = context;
  const effects: Effect[] = [];
  for (const deployment of state.deployments.values()) {
    const { availability } = deployment.record.spec;
    const able = standIns(state, deployment);
    const coming = [...state.members.values()].filter(({ pulling }) => pulling?.model === deployment.model).length;
    let missing = availability - able.length - coming - lostRecently(context, deployment);
    if (deployment.facts === null || missing <= 0) continue;
    const targets = [...state.members.values()].filter(
      (member) =>
        !able.includes(member) &&
        member.pulling === null &&
        couldHold(state, member, deployment) &&
        !holdsFiles(state, member, deployment) &&
        canFetch(context, member, deployment),
    );
    for (const member of targets.sort((a, b) => freeDisk(b) - freeDisk(a))) {
      if (missing <= 0) break;
      missing -= 1;
      const reason = `${availability} nodes shall be able to answer for it`;
      effects.push(...startPull(context, member, { deployment, reason }));
    }
  }
  return effects;
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
