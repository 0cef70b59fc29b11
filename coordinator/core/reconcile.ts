// Carries placement decisions out: what is decided on plain values becomes effects and is noted in the state.
import type { ReplicaId } from "@pomona/shared/core/ids";
import type { ReplicaStatus } from "@pomona/shared/core/node-status";
import { isDraining } from "./deployments.ts";
import { planningOf } from "./dispatch.ts";
import type { Effect } from "./effect.ts";
import { cancelPulls, startPull } from "./fetching.ts";
import { giveUpLoad } from "./membership.ts";
import { inspectSources, isInPlace, namedFiles, pinPaths } from "./model-sources.ts";
import { decidePlacement } from "./placement/decide.ts";
import type { PlacementDecision } from "./placement/problem.ts";
import { isBusy, missingReplicas, optionOn, problemOf } from "./placement-problem.ts";
import type { ClusterState, Member, StepContext } from "./state.ts";
import { keepCopies } from "./survival.ts";
import { readyReplicas } from "./views.ts";

/** A replica that should go is asked again after this time, in case the call was lost. */
const unloadRetryMs = 10_000;
/** The pressure is worked out at most so often. */
const pressureIntervalMs = 500;

/** Call it after anything that may free memory, add a node or a model, or change what is asked for. */
export function reconcile(context: StepContext): Effect[] {
  context.state.reconciledAtMs = context.nowMs;
  noteUse(context);
  notePressure(context);
  forgetLeavers(context.state);
  endOutdatedLoads(context.state);
  const effects = [...cancelPulls(context), ...inspectSources(context), ...pinPaths(context)];
  // The biggest models are placed first: the others wait a moment until it is known which those are.
  if (!isAskingStill(context)) {
    const decisions = decidePlacement(problemOf(context), context.config.placement);
    for (const decision of decisions) effects.push(...carryOut(context, decision));
    endMoves(context);
  }
  effects.push(...keepCopies(context), ...unloadLeavers(context));
  return effects;
}

/** Nodes answer in milliseconds; one that takes longer holds nobody up. */
const askingMs = 2000;

function isAskingStill({ state, nowMs }: StepContext): boolean {
  for (const { model, runKey } of state.deployments.values()) {
    for (const { sources } of state.members.values()) {
      const known = sources.get(model);
      if (known?.runKey === runKey && known.kind === "asked" && nowMs - known.askedAtMs < askingMs) return true;
    }
  }
  return false;
}

function carryOut(context: StepContext, decision: PlacementDecision): Effect[] {
  const { state } = context;
  const member = state.members.get(decision.nodeId);
  const deployment = state.deployments.get(decision.model);
  if (member === undefined) return [];
  if (decision.kind === "retire") return retire(member, decision);
  if (deployment === undefined) return [];
  if (decision.kind === "fetch") return startPull(context, member, { deployment, reason: decision.reason });
  return load(context, member, decision);
}

function retire(member: Member, decision: PlacementDecision & { kind: "retire" }): Effect[] {
  const { nodeId, replicaId, model, eviction, reason } = decision;
  member.leaving.set(replicaId, { eviction, reason, askedAtMs: null });
  return [{ kind: "announce", announcement: { kind: "replicaRetired", nodeId, model, eviction, reason } }];
}

function load(context: StepContext, member: Member, decision: PlacementDecision & { kind: "load" }): Effect[] {
  const { state, nowMs, config } = context;
  const { nodeId, model, reason, insteadOf } = decision;
  const deployment = state.deployments.get(model);
  const option = deployment === undefined ? null : optionOn(context, member, deployment);
  if (deployment?.facts == null || option === null) return [];
  if (insteadOf !== undefined) noteMove(state, insteadOf);
  state.replicasNamed += 1;
  const replicaId = `${config.replicaPrefix}-${state.replicasNamed}`;
  const readyAtMs = nowMs + 1000 * option.readyIn;
  const { runKey } = deployment;
  const { memory } = option;
  member.loading = { replicaId, model, runKey, insteadOf: insteadOf ?? null, memory, startedAtMs: nowMs, readyAtMs };
  const { source, slots, engine } = deployment.record.spec;
  const { contextLength } = deployment.facts;
  const files = isInPlace(member, deployment) ? [] : (namedFiles(state, deployment) ?? []);
  const spec = { model, source, slots, contextLength, engine, files, revision: runKey };
  return [
    { kind: "loadReplica", nodeId, replicaId, spec },
    { kind: "announce", announcement: { kind: "loadStarted", nodeId, model, reason } },
  ];
}

function noteMove(state: ClusterState, replicaId: ReplicaId): void {
  for (const { status, moving } of state.members.values()) {
    if (status.replicas.some((replica) => replica.replicaId === replicaId)) moving.add(replicaId);
  }
}

/** What has its new place and stays all the same, because another one was lost for good, may be moved again. */
function endMoves(context: StepContext): void {
  const { members } = context.state;
  const begun = new Set([...members.values()].map(({ loading }) => loading?.insteadOf));
  for (const { moving, status } of members.values()) {
    for (const { replicaId, model } of status.replicas) {
      const isOver = moving.has(replicaId) && !begun.has(replicaId) && missingReplicas(context, model) === 0;
      if (isOver) moving.delete(replicaId);
    }
  }
}

/** Notes which replicas are ready, and which of them run something. */
function noteUse({ state, nowMs }: StepContext): void {
  for (const { status } of state.members.values()) {
    for (const replica of status.replicas) {
      if (replica.state !== "ready") continue;
      const { replicaId } = replica;
      const use = state.replicaUse.get(replicaId) ?? { readyAtMs: nowMs, lastBusyMs: nowMs, lastUseMs: 0 };
      state.replicaUse.set(replicaId, use);
      if (!isBusy(state, replica)) continue;
      use.lastBusyMs = nowMs;
      use.lastUseMs = nowMs;
    }
  }
}

/** Notes since when requests of a model have waited too long although replicas of it are ready (scheduling study, 2.5). */
function notePressure(context: StepContext): void {
  const { state, nowMs } = context;
  for (const model of state.pressedSinceMs.keys()) {
    if (hasNewReplica(context, model)) state.pressedSinceMs.delete(model);
  }
  if (nowMs - state.pressureReadAtMs < pressureIntervalMs) return;
  state.pressureReadAtMs = nowMs;
  for (const model of state.deployments.keys()) {
    if (!isPressing(context, model)) state.pressedSinceMs.delete(model);
    else if (!state.pressedSinceMs.has(model)) state.pressedSinceMs.set(model, nowMs);
  }
}

function isPressing(context: StepContext, model: string): boolean {
  const { state, nowMs, config } = context;
  const waiting = state.queue.filter((record) => record.model === model);
  const [first] = waiting;
  if (first === undefined || waiting.length < 2) return false;
  const ready = readyReplicas(state, model);
  if (ready.length === 0 || hasNewReplica(context, model)) return false;
  const { candidates } = planningOf(context, model, ready);
  const waitSeconds = Math.min(...candidates.map(({ wait }) => wait));
  return (nowMs - first.queuedAtMs) / 1000 + waitSeconds > config.placement.pressureWait;
}

/** One that has just been loaded has had no time to help: requests that waited for it press for no other. */
function hasNewReplica({ state, nowMs, config }: StepContext, model: string): boolean {
  return readyReplicas(state, model).some(({ replica }) => {
    const readyAtMs = state.replicaUse.get(replica.replicaId)?.readyAtMs ?? Number.NEGATIVE_INFINITY;
    return nowMs - readyAtMs < 1000 * config.placement.pressurePause;
  });
}

/** A node that is not drained any more keeps what it has; replicas that are gone need not leave. */
function forgetLeavers(state: ClusterState): void {
  for (const member of state.members.values()) {
    const listed = new Set(member.status.replicas.map(({ replicaId }) => replicaId));
    for (const [replicaId, { eviction, askedAtMs }] of member.leaving) {
      const isKept = eviction === "drain" && askedAtMs === null && !isDraining(state, member);
      if (isKept || !listed.has(replicaId)) member.leaving.delete(replicaId);
    }
  }
}

/** A first load of what is not asked for any more holds memory, and the node's one place for loads. */
function endOutdatedLoads(state: ClusterState): void {
  for (const member of state.members.values()) {
    for (const { replicaId, model, revision, state: replicaState, failure } of member.status.replicas) {
      if (replicaState !== "loading" || failure !== null || member.leaving.has(replicaId)) continue;
      const runKey = state.deployments.get(model)?.runKey;
      if (runKey === revision || (runKey !== undefined && revision === "")) continue;
      member.leaving.set(replicaId, { eviction: "removed", reason: "it is not asked for any more", askedAtMs: null });
      if (member.loading?.replicaId === replicaId) giveUpLoad(member, state);
    }
  }
}

/** Unloads what is idle of those that leave. */
function unloadLeavers({ state, nowMs }: StepContext): Effect[] {
  const effects: Effect[] = [];
  for (const member of state.members.values()) {
    if (member.state === "dead" || !member.isLinkUp) continue;
    for (const replica of member.status.replicas) {
      const leaving = member.leaving.get(replica.replicaId);
      if (leaving === undefined || !isIdle(state, replica)) continue;
      if (leaving.askedAtMs !== null && nowMs - leaving.askedAtMs < unloadRetryMs) continue;
      leaving.askedAtMs = nowMs;
      effects.push({ kind: "unloadReplica", nodeId: member.nodeId, replicaId: replica.replicaId });
    }
  }
  return effects;
}

function isIdle(state: ClusterState, replica: ReplicaStatus): boolean {
  return (replica.state === "loading" || replica.state === "ready") && !isBusy(state, replica);
}
