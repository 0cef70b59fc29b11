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

/** What a node is told when its link is up: which attempts go on. Those that another coordinator reads are its affair. */
export function greetNode(context: StepContext, member: Member): Effect[] {
  const { state, nowMs } = context;
  const { nodeId } = member;
  const live: { readonly requestId: RequestId; readonly epoch: number }[] = [];
  const effects: Effect[] = [];
  const mayTakeUp = nowMs - (state.firstHeardMs ?? nowMs) < takeoverMs;
  for (const { requestId, epoch, isOrphaned } of listed(member)) {
    const record = state.requests.get(requestId);
    const isOwn = record?.place.kind === "bound" && record.place.nodeId === nodeId && record.epoch === epoch;
    const isUnknown = record === undefined && !state.endedAtMs.has(requestId);
    const isTakenUp = isUnknown && isOrphaned && mayTakeUp;
    if (isTakenUp) effects.push({ kind: "takeUpAttempt", nodeId, requestId, epoch });
    if (isOwn || isTakenUp || (isUnknown && !isOrphaned)) live.push({ requestId, epoch });
  }
  // Some may have been started since that status.
  const named = new Set(live.map(({ requestId }) => requestId));
  for (const { requestId, epoch, place } of state.requests.values()) {
    if (place.kind === "bound" && place.nodeId === nodeId && !named.has(requestId)) live.push({ requestId, epoch });
  }
  return [{ kind: "keepAttempts", nodeId, live }, ...effects];
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
