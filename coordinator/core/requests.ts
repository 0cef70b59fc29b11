// The life of a request between admission and its one ending: tokens pass, attempts are lost, it goes on elsewhere.
import { assert } from "@pomona/shared/core/assert";
import type { ErrorCode } from "@pomona/shared/core/errors";
import {
  type AttemptFrame,
  type Ending,
  type FinishReason,
  failureOf,
  type GenerationFailure,
} from "@pomona/shared/core/generation";
import type { NodeId, RequestId } from "@pomona/shared/core/ids";
import { prefixHashes } from "@pomona/shared/core/prefix-hash";
import { refuseQueue } from "./admission.ts";
import { type TokensFrame, tokensFrom } from "./attempt-progress.ts";
import { speedOf } from "./candidates.ts";
import { dropCheckpoint } from "./checkpoints.ts";
import { avoid, enqueue, noteSlot, unbind } from "./dispatch.ts";
import type { Effect } from "./effect.ts";
import { eject } from "./ejection.ts";
import { noteEnded } from "./ended-requests.ts";
import { clearOfSuspicion, noteEngineDeath } from "./engine-deaths.ts";
import type { NewRequest } from "./event.ts";
import { faultIn } from "./frame-faults.ts";
import { refusePoison } from "./poison.ts";
import { takePromptLogprobs } from "./prompt-frames.ts";
import { outlooksOfWaiting } from "./queue-outlook.ts";
import { serviceOf } from "./scheduler/tenants.ts";
import { type RequestRecord, type StepContext, usageOf } from "./state.ts";
import { readyReplicas } from "./views.ts";

/** Puts an admitted request into the queue; ends it at once when the queue has filled up since. */
export function arrive(context: StepContext, request: NewRequest): Effect[] {
  const { state, nowMs } = context;
  assert(!state.requests.has(request.requestId), "the ids of requests are unique");
  const refusal = refuseQueue(context, request.model);
  const poison = refusePoison(context, request);
  const record = newRecord(context, request);
  state.requests.set(request.requestId, record);
  state.scheduler.tenants.open(request.tenant);
  if (poison !== null || refusal !== null) {
    const failure = poison ?? (refusal === null ? null : failureOf(refusal));
    return finish(context, record, { reason: "failed", failure });
  }
  enqueue(state, record, nowMs);
  state.demand.get(request.model)?.note(request.promptTokenIds.length, nowMs);
  return [];
}

/** Of a request that is nowhere yet; counts its arrival. */
export function newRecord(context: StepContext, request: NewRequest): RequestRecord {
  const { state, nowMs, config } = context;
  state.arrivals += 1;
  const { firstTokenDeadlineMs: _, ...asked } = request;
  const dueMs = dueAt(context, request);
  return {
    ...asked,
    prefixHashes: prefixHashes(request.promptTokenIds, request.decoding.cacheScope),
    dueMs,
    lateMs: request.priority === "batch" ? Number.POSITIVE_INFINITY : dueMs + config.scheduler.lateMaxMs,
    wasAccepted: false,
    evaluatedTokens: 0,
    charged: 0,
    arrivedAtMs: nowMs,
    order: state.arrivals,
    place: { kind: "queued" },
    epoch: 0,
    emittedTokenIds: [],
    promptChunkLengths: [],
    hasChunks: false,
    cachedPromptTokens: 0,
    loggedPromptTokens: 0,
    moves: 0,
    preemptedAtMs: Number.NEGATIVE_INFINITY,
    checkpoint: null,
    checkpointEpoch: 0,
    engine: null,
    engineCrashes: 0,
    harmlessAtTokens: 0,
    deathsSeen: 0,
    queueMs: 0,
    queuedAtMs: nowMs,
    prefillMs: 0,
    decodeMs: 0,
  };
}

/** What the request asks for; else the study's objective: five seconds, and twice what the fastest replica needs. */
function dueAt({ state, nowMs, config }: StepContext, request: NewRequest): number {
  const { model, promptTokenIds, firstTokenDeadlineMs, deadlineMs } = request;
  if (firstTokenDeadlineMs !== null && Number.isFinite(firstTokenDeadlineMs))
    return Math.min(deadlineMs, Math.max(nowMs, firstTokenDeadlineMs));
  const speeds = readyReplicas(state, model).map((ready) => speedOf(ready).prefillTokensPerSecond);
  const { dueMs, duePrefillFactor } = config.scheduler;
  const prefillMs = speeds.length === 0 ? 0 : (1000 * promptTokenIds.length) / Math.max(...speeds);
  return nowMs + dueMs + duePrefillFactor * prefillMs;
}

/** Ends a request before its node does: the client left, or has all that it wanted. */
export function endEarly(context: StepContext, requestId: RequestId, reason: "cancelled" | "stop"): Effect[] {
  const record = context.state.requests.get(requestId);
  if (record === undefined) return [];
  return [...cancelAttempt(record), ...finish(context, record, { reason, failure: null })];
}

/** Moves every request that was bound to a node which is gone. */
export function loseNode(context: StepContext, nodeId: NodeId, why: string): Effect[] {
  const failure: GenerationFailure = { code: "node_lost", message: why, isRetryable: true };
  const lost = [...context.state.requests.values()].filter(
    ({ place }) => place.kind === "bound" && place.nodeId === nodeId,
  );
  return lost.flatMap((record) => loseAttempt(context, record, failure));
}

export function takeFrame(
  context: StepContext,
  sent: { readonly requestId: RequestId; readonly epoch: number; readonly frame: AttemptFrame },
): Effect[] {
  const { state } = context;
  const record = state.requests.get(sent.requestId);
  if (record === undefined) {
    state.dropped.unknownRequest += 1;
    return [];
  }
  if (record.place.kind !== "bound" || record.epoch !== sent.epoch) {
    state.dropped.oldEpoch += 1;
    return [];
  }
  const { nodeId } = record.place;
  record.place.lastFrameAtMs = context.nowMs;
  switch (sent.frame.kind) {
    case "accepted":
      record.wasAccepted = true;
      record.cachedPromptTokens = sent.frame.cachedPromptTokens;
      noteSlot(state, record, { slot: sent.frame.slot, nowMs: context.nowMs });
      expectPrefill(record, tokensOf(record) - sent.frame.cachedPromptTokens);
      if (!record.hasChunks) record.promptChunkLengths = [...sent.frame.cachedChunkLengths];
      return [{ kind: "deliver", requestId: record.requestId, nodeId, frame: sent.frame }];
    case "prefill":
      expectPrefill(record, tokensOf(record) - sent.frame.evaluatedTokens);
      record.evaluatedTokens += sent.frame.chunkLength;
      if (!record.hasChunks && sent.frame.chunkLength > 0) record.promptChunkLengths.push(sent.frame.chunkLength);
      return [{ kind: "deliver", requestId: record.requestId, nodeId, frame: sent.frame }];
    case "promptLogprobs":
      return takePromptLogprobs(record, sent.frame) ?? cutOff(context, record, `node ${nodeId} sent a wrong prompt`);
    case "tokens":
      return takeTokens(context, record, sent.frame);
    case "ending":
      return takeEnding(context, record, sent.frame.ending);
  }
}

function expectPrefill(record: RequestRecord, tokens: number): void {
  if (record.place.kind === "bound") record.place.prefillLeft = Math.max(0, tokens);
}

/** Prompt and what was generated: what another node has to evaluate. */
export function tokensOf({ promptTokenIds, emittedTokenIds }: RequestRecord): number {
  return promptTokenIds.length + emittedTokenIds.length;
}

function takeTokens(context: StepContext, record: RequestRecord, sent: TokensFrame): Effect[] {
  if (record.place.kind !== "bound") return [];
  const frame = record.place.isRetold ? tokensFrom(sent, record.emittedTokenIds.length) : sent;
  if (frame === null) return [];
  record.place.isRetold = false;
  const fault = faultIn(context.state, record, frame);
  if (fault !== null) return cutOff(context, record, `node ${record.place.nodeId} ${fault}`);
  if (frame.ids.length === 0) return [];
  // Kept before they are passed on: what a client has seen can always be continued.
  record.emittedTokenIds.push(...frame.ids);
  clearOfSuspicion(record);
  record.hasChunks = true;
  record.place.prefillLeft = 0;
  return [{ kind: "deliver", requestId: record.requestId, nodeId: record.place.nodeId, frame }];
}

/** What a node got wrong is counted, and not believed: the request goes on elsewhere. */
function cutOff(context: StepContext, record: RequestRecord, message: string): Effect[] {
  const { state } = context;
  state.dropped.brokenOrder += 1;
  const member = record.place.kind === "bound" ? state.members.get(record.place.nodeId) : undefined;
  const ejected = member === undefined ? [] : eject(context, member, "wrong_frames");
  return [...ejected, ...loseAttempt(context, record, { code: "node_lost", message, isRetryable: true })];
}

function takeEnding(context: StepContext, record: RequestRecord, ending: Ending): Effect[] {
  record.prefillMs += ending.timings.prefillMs;
  record.decodeMs += ending.timings.decodeMs;
  if (ending.reason === "stop" || ending.reason === "length") {
    const { generatedTokens } = ending.usage;
    if (generatedTokens !== record.emittedTokenIds.length) {
      const message = `the node ended after ${generatedTokens} tokens, and ${record.emittedTokenIds.length} came`;
      return cutOff(context, record, message);
    }
    const { reason, endLogprobs } = ending;
    return finish(context, record, { reason, failure: null, ...(endLogprobs === undefined ? {} : { endLogprobs }) });
  }
  const failure = ending.failure ?? {
    code: "node_lost",
    message: `the node ended the attempt as ${ending.reason}`,
    isRetryable: true,
  };
  return failAttempt(context, record, failure);
}

/** The node refused, or the attempt failed there. A refusal for want of a slot costs only a requeue. */
export function takeAttemptFailure(
  context: StepContext,
  failed: { readonly requestId: RequestId; readonly epoch: number; readonly failure: GenerationFailure },
): Effect[] {
  const record = context.state.requests.get(failed.requestId);
  if (record === undefined || record.epoch !== failed.epoch || record.place.kind !== "bound") return [];
  const { nodeId } = record.place;
  const member = failed.failure.code === "node_lost" ? context.state.members.get(nodeId) : undefined;
  const ejected = member === undefined ? [] : eject(context, member, "lost");
  return [...ejected, ...failAttempt(context, record, failed.failure)];
}

/** Codes that say something about the node or its replica, not about the request: another one may serve it. */
const nodeCodes: ReadonlySet<ErrorCode> = new Set(["not_found", "failed_precondition", "cancelled", "invalid_model"]);

function failAttempt(context: StepContext, record: RequestRecord, failure: GenerationFailure): Effect[] {
  const { state, nowMs, config } = context;
  if (failure.code === "slots_full") {
    avoid(state, record, nowMs + config.avoidAfterRefusalMs);
    unbind(state, record, nowMs);
    enqueue(state, record, nowMs);
    return [];
  }
  if (failure.isRetryable || nodeCodes.has(failure.code)) return loseAttempt(context, record, failure);
  return finish(context, record, { reason: "failed", failure });
}

/** The attempt is lost. Back into the queue at the old place, with all that was emitted; or failed, when it moved too often. */
export function loseAttempt(context: StepContext, record: RequestRecord, failure: GenerationFailure): Effect[] {
  const { state, config, nowMs } = context;
  const effects = cancelAttempt(record);
  avoid(state, record, nowMs + config.avoidAfterLossMs);
  if (record.emittedTokenIds.length >= record.decoding.maxTokens) {
    // All tokens are there, only the ending is missing.
    return [...effects, ...finish(context, record, { reason: "length", failure: null })];
  }
  const blame = failure.code === "engine_crashed" ? noteEngineDeath(context, record) : "suspected";
  if (blame === "killsEngines" || (record.moves >= config.movesMax && blame !== "none")) {
    return [...effects, ...finish(context, record, { reason: "failed", failure })];
  }
  if (blame !== "none") record.moves += 1;
  return [...effects, ...requeue(context, record, failure.code)];
}

/** Takes a running request off its node before that is lost. It goes on elsewhere from the next token. */
export function moveAway(context: StepContext, record: RequestRecord, reason: string): Effect[] {
  return [...cancelAttempt(record), ...requeue(context, record, reason)];
}

function requeue({ state, nowMs }: StepContext, record: RequestRecord, reason: string): Effect[] {
  const from = unbind(state, record, nowMs) ?? "";
  enqueue(state, record, nowMs);
  const { requestId, model } = record;
  return [{ kind: "announce", announcement: { kind: "requestMoved", requestId, model, from, reason } }];
}

/** Nothing for one that waits. */
export function cancelAttempt(record: RequestRecord): Effect[] {
  if (record.place.kind !== "bound") return [];
  const { requestId, epoch } = record;
  return [{ kind: "cancelAttempt", nodeId: record.place.nodeId, requestId, epoch }];
}

type Outcome = Pick<Ending, "reason" | "failure" | "endLogprobs">;

/** Its one ending. */
export function finish(context: StepContext, record: RequestRecord, outcome: Outcome): Effect[] {
  const { state, nowMs } = context;
  const nodeId = unbind(state, record, nowMs);
  const waiting = state.queue.indexOf(record);
  if (waiting >= 0) {
    state.queue.splice(waiting, 1);
    record.queueMs += nowMs - record.queuedAtMs;
  }
  state.requests.delete(record.requestId);
  noteEnded(context, record.requestId);
  settle(state, record, outcome.reason);
  const { queueMs, prefillMs, decodeMs } = record;
  const ending: Ending = { ...outcome, usage: usageOf(record), timings: { queueMs, prefillMs, decodeMs } };
  return [...dropCheckpoint(record), { kind: "finish", requestId: record.requestId, nodeId, ending }];
}

/** What the scheduler learns from an ending. */
function settle({ scheduler }: StepContext["state"], record: RequestRecord, reason: FinishReason): void {
  const { tenant, model, evaluatedTokens, emittedTokenIds, charged } = record;
  const generated = emittedTokenIds.length;
  const lengths = scheduler.lengthsOf(model);
  // One that its limit cut short says only that answers are longer.
  const isWhole = reason === "stop" || (reason === "length" && generated >= lengths.left(0, Number.MAX_SAFE_INTEGER));
  if (isWhole) lengths.note(generated);
  scheduler.tenants.charge(tenant, serviceOf(evaluatedTokens, generated) - charged);
  scheduler.tenants.close(tenant);
}

/** Tells clients that wait their place and how long it takes, every other second. */
export function tellWaiting(context: StepContext): Effect[] {
  const { state, nowMs, config } = context;
  if (state.queue.length === 0 || nowMs - state.scheduler.toldWaitingAtMs < config.scheduler.tellWaitingMs) return [];
  state.scheduler.toldWaitingAtMs = nowMs;
  return [...outlooksOfWaiting(context)].map(([requestId, outlook]) => ({ kind: "tellWaiting", requestId, outlook }));
}
