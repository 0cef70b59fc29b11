// The coordinator's one transition function. It changes the state in place, because copying maps for every token would
// cost more than the tokens; nobody else writes to it, and the same events at the same times give the same effects.
import type { NodeId, RequestId } from "@pomona/shared/core/ids";
import type { NodeStatus } from "@pomona/shared/core/node-status";
import { considerCheckpoint, takeGoneState, takeHeldState } from "./checkpoints.ts";
import { removeDeployment, setDeployment, setNodeSettings } from "./deployments.ts";
import { dispatch, isDispatchOwed } from "./dispatch.ts";
import type { Effect } from "./effect.ts";
import { eject, reviewEjections } from "./ejection.ts";
import type { ClusterEvent } from "./event.ts";
import { takePullEnd } from "./fetching.ts";
import { noteReplicas, takeLoaded, takeLoadFailure } from "./load-outcomes.ts";
import { forgetGoneReplicas, forgetMember, reviewMembers, takeHeartbeat } from "./membership.ts";
import { takeInspection } from "./model-sources.ts";
import { nodeLoads, reviewPace } from "./pace.ts";
import { planMoves } from "./planned-moves.ts";
import { reconcile } from "./reconcile.ts";
import { reviewRequests } from "./request-review.ts";
import { arrive, endEarly, loseNode, takeAttemptFailure, takeFrame, tellWaiting } from "./requests.ts";
import { saneReplica, saneStatus } from "./sane-status.ts";
import type { Member, StepContext } from "./state.ts";
import { greetNode, leaveToEnd, takeUp, takeUpOrphans } from "./takeover.ts";
import { readyReplicas } from "./views.ts";

/**
 * Takes one event in and returns what has to be done, in order.
 * @param context `nowMs` is monotonic time in milliseconds, never less than at the event before.
 */
export function step(event: ClusterEvent, context: StepContext): Effect[] {
  const wasEvaluating = event.kind === "frame" && isEvaluating(event.requestId, context);
  const statusBefore = event.kind === "heartbeat" ? context.state.members.get(event.status.nodeId)?.status : undefined;
  const effects = take(event, context);
  // Tokens of a running request free no slot and add no memory: the hot path ends here, but for the first of them. The
  // replica has evaluated the prompt then, and can have the next one.
  if (event.kind === "frame" && event.frame.kind !== "ending" && effects[0]?.kind === "deliver") {
    const isNextAwaited = wasEvaluating && context.state.queue.length > 0 && !isEvaluating(event.requestId, context);
    if (!isNextAwaited && !isDispatchOwed(context)) return effects;
  }
  if (mayChangePlacement(event, context, statusBefore)) effects.push(...reconcile(context));
  effects.push(...dispatch(context));
  if (event.kind === "tick") effects.push(...tellWaiting(context));
  return effects;
}

/** What came meanwhile has not been read yet: nobody is judged by a time in which nobody listened. */
function forgiveAbsence({ state }: StepContext, awayMs: number): void {
  for (const member of state.members.values()) {
    member.lastHeartbeatMs += awayMs;
    member.linkDownAtMs += awayMs;
  }
  for (const { place } of state.requests.values()) if (place.kind === "bound") place.lastFrameAtMs += awayMs;
}

function take(event: ClusterEvent, context: StepContext): Effect[] {
  const { state } = context;
  switch (event.kind) {
    case "tick":
      return review(context);
    case "wasAway":
      forgiveAbsence(context, event.awayMs);
      return [];
    case "deploymentSet":
      return setDeployment(context, event.record);
    case "deploymentRemoved":
      return removeDeployment(state, event.model);
    case "nodeSettingsSet":
      return setNodeSettings(state, event);
    case "modelInspected":
      return takeInspection(context, event);
    case "pullEnded":
      return takePullEnd(context, event);
    case "modelAwaited":
      noteAwaited(context, event);
      return [];
    case "heartbeat":
      return heartbeat(context, event);
    case "linkUp":
      return setLink(context, event.nodeId, true);
    case "linkDown":
      return setLink(context, event.nodeId, false);
    case "nodeForgotten":
      return forgetMember(state, event.nodeId);
    case "replicaLoaded":
    case "loadFailed":
      return loadEnded(context, event);
    case "requestArrived":
      return arrive(context, event.request);
    case "attemptTakenUp":
      return takeUp(context, event);
    case "requestCancelled":
      return state.requests.has(event.requestId)
        ? endEarly(context, event.requestId, "cancelled")
        : leaveToEnd(context, event.requestId);
    case "requestStopped":
      return endEarly(context, event.requestId, "stop");
    case "frame":
      return [...takeFrame(context, event), ...considerCheckpoint(context, event)];
    case "stateHeld":
      return takeHeldState(context, event);
    case "stateGone":
      return takeGoneState(context, event);
    case "attemptFailed":
      return takeAttemptFailure(context, event);
  }
}

function review(context: StepContext): Effect[] {
  forgetGoneReplicas(context.state);
  reviewEjections(context);
  const effects = reviewNodes(context);
  // Neither binds or frees anything before both have looked.
  const loads = nodeLoads(context.state);
  effects.push(...reviewPace(context, loads), ...reviewRequests(context, loads));
  return [...effects, ...planMoves(context)];
}

/** Sets the members' states and moves the requests of those that died. */
function reviewNodes(context: StepContext): Effect[] {
  const { died, effects } = reviewMembers(context.state, context.nowMs, context.config);
  for (const nodeId of died) {
    effects.push(...disturbed(context, nodeId));
    effects.push(...loseNode(context, nodeId, `node ${nodeId} sends no heartbeats`));
  }
  return effects;
}

function heartbeat(context: StepContext, event: ClusterEvent & { kind: "heartbeat" }): Effect[] {
  const { status, oddities } = saneStatus(event.status);
  const { nodeId } = status;
  const before = context.state.members.get(nodeId)?.status.replicas ?? [];
  const heard = { status, address: event.address, nowMs: context.nowMs };
  const { outcome, effects } = takeHeartbeat(context.state, heard, context.config);
  if (outcome === "ignored") return effects;
  effects.push(...noteOddities(context, nodeId, oddities));
  if (outcome === "replaced") {
    effects.push(...disturbed(context, nodeId));
    effects.push(...loseNode(context, nodeId, `node ${nodeId} was restarted`));
  }
  const member = context.state.members.get(nodeId);
  if (member !== undefined && outcome === "accepted") effects.push(...noteReplicas(member, before, context));
  if (member !== undefined) noteHeld(context, member);
  if (member !== undefined) effects.push(...takeUpOrphans(context, member));
  effects.push(...reviewNodes(context));
  return effects;
}

/** Counts what a node cannot mean, and tells of each kind once in the life of its process. */
function noteOddities({ state }: StepContext, nodeId: NodeId, oddities: readonly string[]): Effect[] {
  const member = state.members.get(nodeId);
  if (member === undefined || oddities.length === 0) return [];
  state.dropped.oddReports += 1;
  const news = oddities.filter((oddity) => !member.oddities.has(oddity));
  for (const oddity of news) member.oddities.add(oddity);
  return news.map((what) => ({ kind: "announce", announcement: { kind: "oddReport", nodeId, what } }));
}

/** What slots and saved states hold, where the coordinator has not bound anything since the heartbeat can have left. */
function noteHeld({ state, nowMs, config }: StepContext, { status }: Member): void {
  for (const { replicaId, state: replicaState, held } of status.replicas) {
    const prefixes = state.scheduler.heldBy(replicaId);
    if (replicaState === "ready") prefixes.correct(held, nowMs - 2 * config.heartbeatIntervalMs);
    else prefixes.clear();
  }
}

/** Attempts are not lost with a connection: each call says by itself whether it goes on over another one. */
function setLink(context: StepContext, nodeId: string, isUp: boolean): Effect[] {
  const member = context.state.members.get(nodeId);
  if (member === undefined || member.isLinkUp === isUp) return [];
  member.isLinkUp = isUp;
  if (!isUp) member.linkDownAtMs = context.nowMs;
  if (isUp) forgetAsked(member);
  return [...(isUp ? greetNode(context, member) : []), ...reviewNodes(context)];
}

/** What was asked over a line that broke is asked again: unloads, of which nobody says that they failed, and sources. */
function forgetAsked({ leaving, sources }: Member): void {
  for (const each of leaving.values()) if (each.askedAtMs !== null) each.askedAtMs = Number.NEGATIVE_INFINITY;
  for (const [model, source] of sources)
    if (source.kind === "failed" && source.failure.code === "node_lost") sources.delete(model);
}

/** A node whose process is gone while it had work is not trusted with more at once when it comes back. */
function disturbed(context: StepContext, nodeId: NodeId): Effect[] {
  const member = context.state.members.get(nodeId);
  const hasWork = [...context.state.requests.values()].some(
    ({ place }) => place.kind === "bound" && place.nodeId === nodeId,
  );
  return member === undefined || !hasWork ? [] : eject(context, member, "lost");
}

function loadEnded(context: StepContext, event: ClusterEvent & { kind: "replicaLoaded" | "loadFailed" }): Effect[] {
  const member = context.state.members.get(event.nodeId);
  if (member === undefined) return [];
  if (event.kind === "loadFailed") {
    const { replicaId, model, failure } = event;
    return takeLoadFailure(member, { replicaId, model, failure }, context);
  }
  return takeLoaded(member, saneReplica(event.replica, member.status.capacity, new Set()), context);
}

/** Deciding anew takes milliseconds in a big pool: at least so often, and at once when there is news. */
const reconcileEveryMs = 500;

/** Requests and heartbeats come all the time: they change what is placed only where a model is nowhere, or a node has news. */
function mayChangePlacement(event: ClusterEvent, context: StepContext, statusBefore: NodeStatus | undefined): boolean {
  const { state, nowMs } = context;
  const isDue = nowMs - state.reconciledAtMs >= reconcileEveryMs;
  switch (event.kind) {
    case "wasAway":
    case "frame":
    case "attemptFailed":
    case "requestCancelled":
    case "requestStopped":
    case "stateHeld":
    case "stateGone":
      return false;
    case "requestArrived":
      return readyReplicas(state, event.request.model).length === 0;
    case "tick":
      return isDue;
    case "modelAwaited":
      return event.change !== 0 || readyReplicas(state, event.model).length === 0;
    case "heartbeat": {
      const status = state.members.get(event.status.nodeId)?.status;
      return isDue || statusBefore === undefined || status === undefined || hasNews(statusBefore, status);
    }
    default:
      return true;
  }
}

/** Whether a node says something of itself that placement goes by, beside how busy it is. */
function hasNews(before: NodeStatus, after: NodeStatus): boolean {
  if (before.incarnation !== after.incarnation || before.state !== after.state) return true;
  const { budgetBytes, memoryPressure } = before.capacity;
  if (budgetBytes !== after.capacity.budgetBytes || memoryPressure !== after.capacity.memoryPressure) return true;
  return placedThere(before) !== placedThere(after);
}

function placedThere({ replicas, files }: NodeStatus): string {
  const loaded = replicas.map(({ replicaId, state }) => `${replicaId} ${state}`);
  return [...loaded, ...files.map(({ digest, state }) => `${digest} ${state}`)].join();
}

function noteAwaited({ state, nowMs }: StepContext, { model, change }: ClusterEvent & { kind: "modelAwaited" }): void {
  const demand = state.demand.get(model);
  if (demand !== undefined) demand.lastUsedMs = nowMs;
  const known = state.awaited.get(model) ?? { count: 0, sinceMs: nowMs };
  const count = known.count + change;
  if (count <= 0) state.awaited.delete(model);
  else state.awaited.set(model, { ...known, count });
}

function isEvaluating(requestId: RequestId, { state }: StepContext): boolean {
  const place = state.requests.get(requestId)?.place;
  return place?.kind === "bound" && place.prefillLeft > 0;
}
