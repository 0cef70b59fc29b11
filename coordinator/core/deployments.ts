// Desired state as it comes in: deployments, and what administrators want of nodes.
import { type DeploymentRecord, defaultNodeSettings, type NodeSettings } from "@pomona/shared/core/deployment";
import type { ModelName, NodeId } from "@pomona/shared/core/ids";
import { textHash } from "@pomona/shared/core/text-hash";
import type { Effect } from "./effect.ts";
import { ModelDemand } from "./placement/demand.ts";
import type { ClusterState, Deployment, Member, StepContext } from "./state.ts";

/** A deployment of which nothing is known but what was asked for. */
export function deploymentOf(record: DeploymentRecord): Deployment {
  return { model: record.spec.model, record, runKey: runKeyOf(record), facts: null, failure: null };
}

/** Two records with the same key give replicas that are the same but for where they run. */
function runKeyOf({ spec, pinned }: DeploymentRecord): string {
  const { source, digest, slots, contextLength, engine } = spec;
  return textHash(JSON.stringify([pinned?.source ?? source, digest, slots, contextLength, engine])).toString(36);
}

/** Takes a record in. What is known of the files stays known as long as it is the same way to run the same files. */
export function setDeployment({ state, nowMs }: StepContext, record: DeploymentRecord): Effect[] {
  const { model } = record.spec;
  const known = state.deployments.get(model);
  const deployment = deploymentOf(record);
  if (known?.runKey === deployment.runKey) {
    state.deployments.set(model, { ...deployment, facts: known.facts, failure: known.failure });
  } else {
    state.deployments.set(model, deployment);
    // What failed before says nothing about what is asked for now.
    for (const member of state.members.values()) {
      member.loadFailures.delete(model);
      member.pullFailures.delete(model);
    }
  }
  // What a source was found to be is no edit.
  const isEdited = known === undefined || JSON.stringify(known.record.spec) !== JSON.stringify(record.spec);
  if (!isEdited || known?.record.revision === record.revision) return [];
  const demand = state.demand.get(model) ?? new ModelDemand(nowMs);
  demand.lastUsedMs = nowMs;
  state.demand.set(model, demand);
  return [{ kind: "announce", announcement: { kind: "deploymentChanged", model, revision: record.revision } }];
}

export function removeDeployment(state: ClusterState, model: ModelName): Effect[] {
  if (!state.deployments.delete(model)) return [];
  state.demand.delete(model);
  state.variants.delete(model);
  state.pressedSinceMs.delete(model);
  for (const member of state.members.values()) {
    for (const kept of [member.sources, member.loadFailures, member.pullFailures]) kept.delete(model);
  }
  return [{ kind: "announce", announcement: { kind: "deploymentRemoved", model } }];
}

type SetSettings = { readonly nodeId: NodeId; readonly settings: NodeSettings; readonly revision: number };

export function setNodeSettings(state: ClusterState, { nodeId, settings, revision }: SetSettings): Effect[] {
  state.nodeSettings.set(nodeId, { settings, revision });
  return [{ kind: "announce", announcement: { kind: "nodeSettingsChanged", nodeId, settings } }];
}

export function settingsOf(state: ClusterState, nodeId: NodeId): NodeSettings {
  return state.nodeSettings.get(nodeId)?.settings ?? defaultNodeSettings;
}

/** Whether it takes no more work, by its own wish or by an administrator's. */
export function isDraining(state: ClusterState, { nodeId, status }: Member): boolean {
  return status.state === "draining" || settingsOf(state, nodeId).isDraining;
}

/** Tokens per slot; 0 while unknown. */
export function contextLengthOf({ facts }: Deployment): number {
  return facts?.contextLength ?? 0;
}

/** What models may use of a node: as it says, less what administrators keep free. */
export function budgetOf(state: ClusterState, { nodeId, status }: Member): number {
  return Math.max(0, status.capacity.budgetBytes - settingsOf(state, nodeId).reservedBytes);
}

export function hasLabels(state: ClusterState, { nodeId }: Member, { record }: Deployment): boolean {
  const { labels } = settingsOf(state, nodeId);
  return record.spec.labels.every((label) => labels.includes(label));
}
