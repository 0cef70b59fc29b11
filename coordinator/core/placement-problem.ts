// The state of the pool in the terms of placement.
import { expectedSpeed } from "@pomona/shared/core/chip-speeds";
import type { ModelName, NodeId } from "@pomona/shared/core/ids";
import { totalFileBytes } from "@pomona/shared/core/model-files";
import type { ReplicaStatus } from "@pomona/shared/core/node-status";
import { correctedMemory, heldBytes, type ReplicaMemory, totalBytes } from "@pomona/shared/core/replica-memory";
import { decodeStepSeconds, prefillSeconds, type SpeedProfile } from "@pomona/shared/core/speed-profile";
import { budgetOf, hasLabels, isDraining, settingsOf } from "./deployments.ts";
import { canFetch, fetchSeconds, heldBytesOf } from "./fetching.ts";
import { expectedLoadMs } from "./load-time.ts";
import { isReachable, takesWork } from "./membership.ts";
import { holdsFiles, namedFiles } from "./model-sources.ts";
import type {
  LoadOption,
  PlacementModel,
  PlacementNode,
  PlacementProblem,
  PlacementReplica,
} from "./placement/problem.ts";
import type { ClusterState, Deployment, Member, StepContext } from "./state.ts";

/** What a request generates until lengths were measured (scheduling study, 2.5). */
const usualOutputTokens = 400;
/** Until a node says that a load is under way, and how long it takes. */
const unknownLoadSeconds = 5;

export function problemOf(context: StepContext): PlacementProblem {
  const { state } = context;
  const members = [...state.members.values()].filter((member) => isReachable(member, context));
  const waiting = waitingByModel(context);
  return {
    nodes: members.map((member) => nodeOf(context, member)),
    models: [...state.deployments.values()].map((deployment) => modelOf(context, deployment, { members, waiting })),
  };
}

function nodeOf(context: StepContext, member: Member): PlacementNode {
  const { state, nowMs } = context;
  const { nodeId, status, loading } = member;
  const budgetBytes = budgetOf(state, member);
  const isListed = status.replicas.some(({ replicaId }) => replicaId === loading?.replicaId);
  const replicas = status.replicas.flatMap((replica) => replicaOf(context, member, replica) ?? []);
  const pressure = status.capacity.memoryPressure;
  return {
    nodeId,
    budgetBytes,
    otherBytes: otherBytesOf(member),
    canLoad:
      takesWork(member) && !settingsOf(state, nodeId).isCordoned && pressure !== "warning" && pressure !== "critical",
    isDraining: isDraining(state, member),
    drainingFor: (nowMs - (member.emptyingSinceMs ?? nowMs)) / 1000,
    loadingLeft: loadingLeft(member, nowMs),
    replicas: loading === null || isListed ? replicas : [...replicas, comingReplica(state, loading)],
  };
}

/** What other programs have of the budget. */
export function otherBytesOf(member: Member): number {
  const { budgetBytes, freeBytes } = member.status.capacity;
  return Math.max(0, budgetBytes - freeBytes - heldBytes(heldMemories(member)));
}

export function heldMemories({ status }: Member): ReplicaMemory[] {
  return status.replicas.filter(({ state }) => state !== "failed").map(({ memory }) => memory);
}

function loadingLeft({ loading, status }: Member, nowMs: number): number | null {
  if (loading !== null) return Math.max(0, loading.readyAtMs - nowMs) / 1000;
  // One that comes back after its engine died has a failure to tell; others need not wait for it.
  const isFirstLoad = ({ state, failure }: ReplicaStatus): boolean => state === "loading" && failure === null;
  return status.replicas.some(isFirstLoad) ? unknownLoadSeconds : null;
}

function comingReplica(
  state: ClusterState,
  { replicaId, model, memory, runKey }: NonNullable<Member["loading"]>,
): PlacementReplica {
  const isCurrent = state.deployments.get(model)?.runKey === runKey;
  const soon = { isCurrent, isBusy: false, isMoving: false, idleFor: 0, residentFor: 0, reloadSeconds: 0 };
  return { replicaId, model, memory, state: "loading", ...soon };
}

function replicaOf({ state, nowMs }: StepContext, member: Member, replica: ReplicaStatus): PlacementReplica | null {
  const { replicaId, model, memory } = replica;
  if (replica.state === "failed") return null;
  const isLeaving = replica.state === "unloading" || member.leaving.has(replicaId);
  const use = state.replicaUse.get(replicaId);
  const deployment = state.deployments.get(model);
  return {
    replicaId,
    model,
    memory,
    state: isLeaving ? "leaving" : replica.state === "loading" ? "loading" : "ready",
    isCurrent: deployment === undefined || isCurrent(replica, deployment),
    isBusy: isBusy(state, replica),
    isMoving: member.moving.has(replicaId),
    idleFor: (nowMs - (use?.lastBusyMs ?? nowMs)) / 1000,
    residentFor: (nowMs - (use?.readyAtMs ?? nowMs)) / 1000,
    reloadSeconds: reloadMs(member, replica) / 1000,
  };
}

/** Whether it runs as its deployment says. Replicas of coordinators that name no way to run are taken if they are long enough. */
export function isCurrent(replica: ReplicaStatus, { runKey, facts }: Deployment): boolean {
  return replica.revision === "" ? replica.contextLength >= (facts?.contextLength ?? 0) : replica.revision === runKey;
}

/** Whether anything runs there, or waits that can run nowhere else. */
export function isBusy(state: ClusterState, replica: ReplicaStatus): boolean {
  return replica.running.length > 0 || state.boundByReplica.has(replica.replicaId) || isAwaited(state, replica);
}

/** Whether requests wait whose prompts only replicas of these files understand, when others are asked for now. */
function isAwaited(state: ClusterState, replica: ReplicaStatus): boolean {
  const { model, digest } = replica;
  const deployment = state.deployments.get(model);
  if (digest === "" || deployment === undefined || isCurrent(replica, deployment)) return false;
  if (!state.queue.some((record) => record.model === model && record.promptDigest === digest)) return false;
  for (const { status } of state.members.values()) {
    const others = status.replicas.filter((each) => each.model === model && each.state === "ready");
    if (others.some((each) => each.digest === digest && isCurrent(each, deployment))) return false;
  }
  return true;
}

function reloadMs(member: Member, { loadMs, memory }: ReplicaStatus): number {
  return loadMs > 0 ? loadMs : expectedLoadMs(member, memory);
}

type Waiting = { readonly count: number; readonly sinceMs: number };

/** Queued requests, and those that wait for a replica before they can be queued. */
function waitingByModel({ state }: StepContext): Map<ModelName, Waiting> {
  const waiting = new Map<ModelName, Waiting>(state.awaited);
  for (const { model, queuedAtMs } of state.queue) {
    const known = waiting.get(model);
    waiting.set(model, {
      count: (known?.count ?? 0) + 1,
      sinceMs: Math.min(known?.sinceMs ?? Number.POSITIVE_INFINITY, queuedAtMs),
    });
  }
  return waiting;
}

type Pool = { readonly members: readonly Member[]; readonly waiting: ReadonlyMap<ModelName, Waiting> };

function modelOf(context: StepContext, deployment: Deployment, { members, waiting }: Pool): PlacementModel {
  const { state, nowMs } = context;
  const { model, facts, record } = deployment;
  const { spec } = record;
  const options = new Map<NodeId, LoadOption>();
  for (const member of members) {
    const option = optionOn(context, member, deployment);
    if (option !== null) options.set(member.nodeId, option);
  }
  const { count, sinceMs } = waiting.get(model) ?? { count: 0, sinceMs: nowMs };
  return {
    model,
    priority: spec.priority,
    isPinned: spec.isPinned,
    min: spec.replicas.min,
    max: spec.replicas.max ?? Number.POSITIVE_INFINITY,
    keepAlive: spec.keepAliveMs / 1000,
    idleFor: count > 0 ? 0 : (nowMs - lastUsedMs(state, model, nowMs)) / 1000,
    waiting: count,
    waitingFor: Math.max(0, nowMs - sinceMs) / 1000,
    isPressed: isPressed(context, model),
    missing: missingReplicas(context, model),
    utilisation: utilisationOf(context, model, options),
    bytes: facts === null ? 0 : totalBytes(facts.memory.cpu),
    options,
  };
}

/** When it was last asked for: now, as long as anything of it runs. */
function lastUsedMs(state: ClusterState, model: ModelName, nowMs: number): number {
  let lastMs = state.demand.get(model)?.lastUsedMs ?? nowMs;
  for (const { status } of state.members.values()) {
    for (const { replicaId, model: other } of status.replicas) {
      if (other === model) lastMs = Math.max(lastMs, state.replicaUse.get(replicaId)?.lastUseMs ?? 0);
    }
  }
  return lastMs;
}

function isPressed({ state, nowMs, config }: StepContext, model: ModelName): boolean {
  const sinceMs = state.pressedSinceMs.get(model);
  return sinceMs !== undefined && nowMs - sinceMs >= 1000 * config.placement.pressureLasts;
}

/** Replicas of nodes that were lost a moment ago, as long as another one answers meanwhile. */
export function missingReplicas({ state, nowMs, config }: StepContext, model: ModelName): number {
  let missing = 0;
  let answers = false;
  for (const member of state.members.values()) {
    const has = member.status.replicas.some((replica) => replica.model === model && replica.state === "ready");
    if (!has) continue;
    if (member.state !== "dead") answers ||= takesWork(member);
    else if (nowMs - member.lastHeartbeatMs < 1000 * config.placement.lossGrace) missing += 1;
  }
  return answers ? missing : 0;
}

function utilisationOf(
  { state, nowMs }: StepContext,
  model: ModelName,
  options: ReadonlyMap<NodeId, LoadOption>,
): number {
  const rate = state.demand.get(model)?.rate(nowMs) ?? 0;
  const seconds = [...options.values()].map(({ requestSeconds }) => requestSeconds);
  return rate === 0 || seconds.length === 0 ? 0 : rate * Math.min(...seconds);
}

/** What loading a model on a node means; null where it cannot be. */
export function optionOn(context: StepContext, member: Member, deployment: Deployment): LoadOption | null {
  const { state, nowMs } = context;
  const { model } = deployment;
  if (deployment.failure !== null || !hasLabels(state, member, deployment)) return null;
  const memory = memoryOn(state, member, deployment);
  if (memory === null || totalBytes(memory) - (memory.mappedBytes ?? 0) > budgetOf(state, member)) return null;
  const failed = member.loadFailures.get(model);
  if (failed !== undefined && !Number.isFinite(failed.retryAtMs)) return null;
  const hasFiles = holdsFiles(state, member, deployment);
  if (!hasFiles && (isPullingOther(member, deployment) || !canFetch(context, member, deployment))) return null;
  const fetch = hasFiles ? 0 : fetchSeconds(state, missingFileBytes(state, member, deployment));
  return {
    memory,
    readyIn: fetch + expectedLoadMs(member, memory) / 1000,
    hasFiles,
    requestSeconds: requestSeconds(context, model, speedOn(member, model, memory)),
    isWaiting: failed !== undefined && failed.retryAtMs > nowMs,
  };
}

function isPullingOther({ pulling }: Member, { model }: Deployment): boolean {
  return pulling !== null && pulling.model !== model;
}

/**
 * What a replica takes of a node: less than all where the node has a replica of another model from the same file, such
 * as a variant with adapters, whose mapped pages it would share. Null while nobody knows.
 */
export function memoryOn(state: ClusterState, member: Member, { record, facts }: Deployment): ReplicaMemory | null {
  if (facts === null) return null;
  const { gpu, memoryCorrection } = member.status.capacity;
  const memory = correctedMemory(facts.memory[gpu], memoryCorrection);
  const { source } = record.spec;
  const variant = member.status.replicas.find(
    (replica) =>
      replica.state !== "failed" &&
      replica.memory.mappedFile !== undefined &&
      state.deployments.get(replica.model)?.record.spec.source === source,
  );
  const mappedFile = variant?.memory.mappedFile;
  return mappedFile === undefined ? memory : { ...memory, mappedFile };
}

function missingFileBytes(state: ClusterState, member: Member, deployment: Deployment): number {
  const files = namedFiles(state, deployment) ?? [];
  return totalFileBytes(files) - heldBytesOf(member, files);
}

/** As its replica there has shown, else as the chip promises. */
export function speedOn({ status }: Member, model: ModelName, memory: ReplicaMemory): SpeedProfile {
  const known = status.replicas.find((replica) => replica.model === model && replica.speed !== null)?.speed;
  const { chip, gpu } = status.capacity;
  return known ?? expectedSpeed({ chip, gpu, weightsBytes: memory.weightsBytes, kvBytesPerToken: 0 });
}

function requestSeconds({ state }: StepContext, model: ModelName, speed: SpeedProfile): number {
  const prompt = state.demand.get(model)?.meanPromptTokens ?? 0;
  const output = state.scheduler.lengthsOf(model).left(0, usualOutputTokens * 4);
  return prefillSeconds(speed, prompt, 0) + output * decodeStepSeconds(speed, 1, prompt);
}
