// What nodes still run of a coordinator that is gone: the next one goes on with it, and what nobody wants any more is ended.
import type { Attempt } from "@pomona/shared/core/generation";
import type { NodeId, RequestId } from "@pomona/shared/core/ids";
import type { RunningAttempt } from "@pomona/shared/core/node-status";
import { engineOf, noteBound } from "./dispatch.ts";
import type { Effect } from "./effect.ts";
import type { NewRequest } from "./event.ts";
import { newRecord } from "./requests.ts";
import type { Member, StepContext } from "./state.ts";

/** So long after the first node was heard of there may be something to take up: nodes keep it for 30 s. */
const takeoverMs = 60_000;
/** A node that did not answer is asked again after so long. */
const askAgainMs = 2000;

/** What a node is told when its link is up: which attempts go on. Those that another coordinator reads are its affair. */
export function greetNode(context: StepContext, member: Member): Effect[] {
  const { state } = context;
  const { nodeId } = member;
  const live: { readonly requestId: RequestId; readonly epoch: number }[] = [];
  for (const { requestId, epoch, isOrphaned } of listed(member)) {
    const record = state.requests.get(requestId);
    const isOwn = record?.place.kind === "bound" && record.place.nodeId === nodeId && record.epoch === epoch;
    const isUnknown = record === undefined && !state.endedAtMs.has(requestId);
    const isTakenUp = isUnknown && isOrphaned && mayTakeUp(context);
    if (isOwn || isTakenUp || (isUnknown && !isOrphaned)) live.push({ requestId, epoch });
  }
  // Some may have been started since that status.
  const named = new Set(live.map(({ requestId }) => requestId));
  for (const { requestId, epoch, place } of state.requests.values()) {
    if (place.kind === "bound" && place.nodeId === nodeId && !named.has(requestId)) live.push({ requestId, epoch });
  }
  return [{ kind: "keepAttempts", nodeId, live }, ...takeUpOrphans(context, member)];
}

function mayTakeUp({ state, nowMs }: StepContext): boolean {
  return nowMs - (state.firstHeardMs ?? nowMs) < takeoverMs;
}

/** Asks for what a node says that nobody reads: it may notice late that a coordinator is gone, or not answer at once. */
export function takeUpOrphans(context: StepContext, member: Member): Effect[] {
  const { state, nowMs } = context;
  if (!mayTakeUp(context)) state.takeUpAskedAtMs.clear();
  if (!mayTakeUp(context) || !member.isLinkUp) return [];
  const { nodeId } = member;
  return listed(member).flatMap(({ requestId, epoch, isOrphaned }): Effect[] => {
    const askedAtMs = state.takeUpAskedAtMs.get(requestId) ?? Number.NEGATIVE_INFINITY;
    const isKnown = state.requests.has(requestId) || state.endedAtMs.has(requestId);
    if (!isOrphaned || isKnown || nowMs - askedAtMs < askAgainMs) return [];
    state.takeUpAskedAtMs.set(requestId, nowMs);
    return [{ kind: "takeUpAttempt", nodeId, requestId, epoch }];
  });
}

function listed({ status }: Member): RunningAttempt[] {
  return [...status.replicas.flatMap(({ running }) => running), ...status.endedAttempts];
}

export type TakenUp = { readonly nodeId: NodeId; readonly attempt: Attempt; readonly request: NewRequest };

/** Takes a running attempt into the books as if this coordinator had begun it. Its frames come from its first token on. */
export function takeUp(context: StepContext, { nodeId, attempt, request }: TakenUp): Effect[] {
  const { state, nowMs } = context;
  const { requestId, epoch, replicaId, emittedTokenIds, promptChunkLengths } = attempt;
  const member = state.members.get(nodeId);
  if (member === undefined || state.requests.has(requestId))
    return [{ kind: "cancelAttempt", nodeId, requestId, epoch }];
  const record = newRecord(context, request);
  const replica = member.status.replicas.find((each) => each.replicaId === replicaId);
  record.epoch = epoch;
  record.wasAccepted = true;
  record.emittedTokenIds.push(...emittedTokenIds);
  record.promptChunkLengths = [...promptChunkLengths];
  record.hasChunks = promptChunkLengths.length > 0;
  record.engine = replica === undefined ? null : engineOf({ member, replica });
  const times = { boundAtMs: nowMs, lastFrameAtMs: nowMs, reviewedTokens: emittedTokenIds.length };
  const prefillLeft = request.promptTokenIds.length + emittedTokenIds.length;
  record.place = { kind: "bound", nodeId, replicaId, slot: null, prefillLeft, ...times };
  state.requests.set(requestId, record);
  state.scheduler.tenants.open(record.tenant);
  noteBound(state, replicaId, requestId);
  const { model } = record;
  return [{ kind: "announce", announcement: { kind: "requestTakenUp", nodeId, requestId, model } }];
}
