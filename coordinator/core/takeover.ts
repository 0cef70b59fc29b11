// What nodes still run of a coordinator that is gone: the next one goes on with it, and what nobody wants any more is ended.
//
// Of a request that was moved, several nodes may have an attempt: one that was cut off still runs what it was lost for. The
// highest epoch is the one that its client has read from last. It is taken up also when an earlier one was heard of first,
// and that one ends then; what was passed on from it is not passed on again.
import type { Attempt } from "@pomona/shared/core/generation";
import type { NodeId, RequestId } from "@pomona/shared/core/ids";
import type { RunningAttempt } from "@pomona/shared/core/node-status";
import { boundNow, engineOf, noteBound, unbind } from "./dispatch.ts";
import type { Effect } from "./effect.ts";
import { noteEnded } from "./ended-requests.ts";
import type { NewRequest } from "./event.ts";
import { newRecord } from "./requests.ts";
import type { Member, RequestRecord, StepContext } from "./state.ts";

/** So long after the first node was heard of there may be something to take up: nodes keep it for 30 s. */
const takeoverMs = 60_000;
/** So long after the first node was heard of, all have told what they still run. */
const toldMs = 3000;
/** A node that did not answer is asked again after so long. */
const askAgainMs = 2000;

/** Whose an attempt is that a node lists: bound here, to be taken up, read by another coordinator, or nobody's any more. */
type Claim = "own" | "orphan" | "foreign" | "unwanted";

function claimOn(context: StepContext, { nodeId }: Member, { requestId, epoch, isOrphaned }: RunningAttempt): Claim {
  const { state } = context;
  const record = state.requests.get(requestId);
  if (record === undefined && state.endedAtMs.has(requestId)) return "unwanted";
  if (record !== undefined && epoch <= record.epoch) {
    const isHere = record.place.kind === "bound" && record.place.nodeId === nodeId;
    return isHere && epoch === record.epoch ? "own" : "unwanted";
  }
  if (!isOrphaned) return "foreign";
  return mayTakeUp(context) ? "orphan" : "unwanted";
}

/** What a node is told when its link is up: which attempts go on. Those that another coordinator reads are its affair. */
export function greetNode(context: StepContext, member: Member): Effect[] {
  const { state } = context;
  const { nodeId } = member;
  const own = new Set<RequestId>();
  const live: { readonly requestId: RequestId; readonly epoch: number }[] = [];
  for (const attempt of listed(member)) {
    const { requestId, epoch } = attempt;
    const claim = claimOn(context, member, attempt);
    if (claim === "own") own.add(requestId);
    if (claim !== "unwanted") live.push({ requestId, epoch });
  }
  // Some may have been started since that status.
  for (const { requestId, epoch, place } of state.requests.values()) {
    if (place.kind === "bound" && place.nodeId === nodeId && !own.has(requestId)) live.push({ requestId, epoch });
  }
  return [{ kind: "keepAttempts", nodeId, live }, ...takeUpOrphans(context, member)];
}

function mayTakeUp({ state, nowMs }: StepContext): boolean {
  return nowMs - (state.firstHeardMs ?? nowMs) < takeoverMs;
}

/**
 * Whether something that an earlier coordinator began may still be found; a request also for as long as a node lists it: the
 * node may notice late that its coordinator is gone, or answer late.
 */
export function isTakingUp(context: StepContext, requestId: RequestId | null = null): boolean {
  const { firstHeardMs, endedAtMs } = context.state;
  if (firstHeardMs === null || context.nowMs - firstHeardMs < toldMs) return true;
  if (requestId === null || endedAtMs.has(requestId)) return false;
  return mayTakeUp(context) && highestEpoch(context, requestId) > 0;
}

/** Asks for what a node says that nobody reads: it may notice late that a coordinator is gone, or not answer at once. */
export function takeUpOrphans(context: StepContext, member: Member): Effect[] {
  const { state, nowMs } = context;
  if (!mayTakeUp(context)) state.orphansHandled.clear();
  if (!mayTakeUp(context) || !member.isLinkUp) return [];
  const { nodeId } = member;
  return listed(member).flatMap((attempt): Effect[] => {
    const { requestId, epoch, isOrphaned } = attempt;
    const claim = claimOn(context, member, attempt);
    const isHandled = claim === "orphan" ? epoch >= highestEpoch(context, requestId) : claim === "unwanted";
    if (!isOrphaned || !isHandled) return [];
    const last = state.orphansHandled.get(requestId);
    const isSame = last?.nodeId === nodeId && last.epoch === epoch;
    if (isSame && nowMs - last.atMs < askAgainMs) return [];
    state.orphansHandled.set(requestId, { nodeId, epoch, atMs: nowMs });
    return [{ kind: claim === "orphan" ? "takeUpAttempt" : "cancelAttempt", nodeId, requestId, epoch }];
  });
}

/** A client has cancelled what may not be taken up yet: its attempts are ended when they are heard of. */
export function leaveToEnd(context: StepContext, requestId: RequestId): Effect[] {
  if (mayTakeUp(context) && !context.state.endedAtMs.has(requestId)) noteEnded(context, requestId);
  return [];
}

/** That a node which may live lists of a request. */
function highestEpoch({ state }: StepContext, requestId: RequestId): number {
  let highest = 0;
  for (const member of state.members.values()) {
    if (member.state === "dead") continue;
    for (const attempt of listed(member))
      if (attempt.requestId === requestId) highest = Math.max(highest, attempt.epoch);
  }
  return highest;
}

function listed({ status }: Member): RunningAttempt[] {
  return [...status.replicas.flatMap(({ running }) => running), ...status.endedAttempts];
}

export type TakenUp = { readonly nodeId: NodeId; readonly attempt: Attempt; readonly request: NewRequest };

/** Whether an attempt is to be gone on with: its request is not known, or only by an earlier one. */
export function isTakenUp({ state }: Pick<StepContext, "state">, { requestId, epoch }: Attempt): boolean {
  return epoch > (state.requests.get(requestId)?.epoch ?? 0) && !state.endedAtMs.has(requestId);
}

/** Takes a running attempt into the books as if this coordinator had begun it. Its frames come from its first token on. */
export function takeUp(context: StepContext, { nodeId, attempt, request }: TakenUp): Effect[] {
  const { state } = context;
  const { requestId, epoch, replicaId, emittedTokenIds, promptChunkLengths } = attempt;
  const member = state.members.get(nodeId);
  if (member === undefined || !isTakenUp(context, attempt))
    return [{ kind: "cancelAttempt", nodeId, requestId, epoch }];
  const known = state.requests.get(requestId);
  const effects = known === undefined ? [] : leavePlace(context, known);
  const record = known ?? newRecord(context, request);
  const replica = member.status.replicas.find((each) => each.replicaId === replicaId);
  const passedOn = record.emittedTokenIds.length;
  record.epoch = epoch;
  record.wasAccepted = true;
  record.emittedTokenIds.push(...emittedTokenIds.slice(passedOn));
  record.promptChunkLengths = [...promptChunkLengths];
  record.hasChunks = promptChunkLengths.length > 0;
  record.engine = replica === undefined ? null : engineOf({ member, replica });
  const isEnded = member.status.endedAttempts.some((ended) => ended.requestId === requestId && ended.epoch === epoch);
  const prefillLeft = request.promptTokenIds.length + emittedTokenIds.length;
  const isRetold = passedOn > emittedTokenIds.length;
  record.place = { ...boundNow(record, context.nowMs), nodeId, replicaId, prefillLeft, holdsSlot: !isEnded, isRetold };
  if (known === undefined) state.scheduler.tenants.open(record.tenant);
  state.requests.set(requestId, record);
  if (!isEnded) noteBound(state, replicaId, requestId);
  const { model } = record;
  return [...effects, { kind: "announce", announcement: { kind: "requestTakenUp", nodeId, requestId, model } }];
}

/** A later attempt takes the place of the one that was gone on with. */
function leavePlace({ state, nowMs }: StepContext, record: RequestRecord): Effect[] {
  const { requestId, epoch, place } = record;
  if (place.kind === "queued") {
    state.queue.splice(state.queue.indexOf(record), 1);
    record.queueMs += nowMs - record.queuedAtMs;
    return [];
  }
  unbind(state, record, nowMs);
  return [{ kind: "cancelAttempt", nodeId: place.nodeId, requestId, epoch }];
}
