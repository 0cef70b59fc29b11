// Goes through all requests now and then: whose time is over, whose model can be had no more, whose node is silent.
import type { GenerationFailure } from "@pomona/shared/core/generation";
import type { NodeId } from "@pomona/shared/core/ids";
import type { Effect } from "./effect.ts";
import { isBound, type NodeLoads, progressLimits } from "./pace.ts";
import { outlookForNext } from "./queue-outlook.ts";
import { cancelAttempt, finish, loseAttempt } from "./requests.ts";
import type { RequestRecord, StepContext } from "./state.ts";
import { failedModels } from "./views.ts";

/** Ends requests whose deadline passed or whose model can be had no more, and moves those whose node sends no frames. */
export function reviewRequests(context: StepContext, loads: NodeLoads): Effect[] {
  const { state, nowMs } = context;
  const effects: Effect[] = [];
  const reasons = failedModels(context, new Set(state.queue.map(({ model }) => model)));
  const limitFor = patience(context, loads);
  const isAllGone = reachesNobody(context);
  for (const record of state.requests.values()) {
    const { place, model } = record;
    const reason = place.kind === "queued" ? reasons.get(model) : undefined;
    if (nowMs >= record.deadlineMs) {
      const failure = deadlineFailure(record);
      effects.push(...cancelAttempt(record), ...finish(context, record, { reason: "expired", failure }));
    } else if (nowMs >= record.lateMs && place.kind === "queued" && !record.wasAccepted) {
      effects.push(...finish(context, record, { reason: "failed", failure: lateFailure(context, record) }));
    } else if (isAllGone && place.kind === "queued" && record.wasAccepted && record.priority !== "batch") {
      const message = "every node of the pool is gone: send the request again when one is back";
      const failure: GenerationFailure = { code: "node_lost", message, isRetryable: true };
      effects.push(...finish(context, record, { reason: "failed", failure }));
    } else if (place.kind === "queued" && isOrphaned(state, record)) {
      effects.push(...finish(context, record, { reason: "failed", failure: orphanFailure(state, record) }));
    } else if (reason !== undefined) {
      const message = `model ${model} cannot be loaded: ${reason}`;
      const failure: GenerationFailure = { code: "model_failed", message, isRetryable: false };
      effects.push(...finish(context, record, { reason: "failed", failure }));
    } else if (place.kind === "bound" && nowMs - place.lastFrameAtMs >= limitFor(record)) {
      const message = `node ${place.nodeId} sent nothing for too long`;
      effects.push(...loseAttempt(context, record, { code: "node_lost", message, isRetryable: true }));
    }
  }
  return effects;
}

/** Whether no node has been linked for a while: somebody who reads an answer had better be told than wait for a machine. */
function reachesNobody({ state, nowMs, config }: StepContext): boolean {
  if (state.members.size === 0) return false;
  return [...state.members.values()].every(
    ({ isLinkUp, linkDownAtMs }) => !isLinkUp && nowMs - linkDownAtMs >= config.allGoneMs,
  );
}

/** How long each attempt may be silent. */
function patience(context: StepContext, loads: NodeLoads): (record: RequestRecord) => number {
  const limits = new Map<NodeId, ReturnType<typeof progressLimits>>();
  return (record) => {
    if (!isBound(record)) return Number.POSITIVE_INFINITY;
    const { nodeId } = record.place;
    const member = context.state.members.get(nodeId);
    if (member === undefined) return 0;
    const limitOf = limits.get(nodeId) ?? progressLimits(context, member, loads);
    limits.set(nodeId, limitOf);
    return limitOf(record);
  };
}

/** Whether nobody will ever understand its prompt: the model was taken away, or every replica of those files has gone. */
function isOrphaned(state: StepContext["state"], { model, promptDigest }: RequestRecord): boolean {
  if (!state.deployments.has(model)) return true;
  if (promptDigest === "") return false;
  let isReplaced = false;
  for (const { status, state: memberState } of state.members.values()) {
    for (const replica of status.replicas) {
      if (replica.model !== model || memberState === "dead" || replica.digest === "") continue;
      if (replica.digest === promptDigest) return false;
      isReplaced ||= replica.state === "ready";
    }
  }
  return isReplaced;
}

function orphanFailure(state: StepContext["state"], { model }: RequestRecord): GenerationFailure {
  return state.deployments.has(model)
    ? { code: "node_lost", message: `${model} was replaced while the request waited: send it again`, isRetryable: true }
    : {
        code: "model_not_found",
        message: `${model} was taken out of the pool while the request waited`,
        isRetryable: false,
      };
}

function deadlineFailure(record: RequestRecord): GenerationFailure {
  const waited = record.place.kind === "queued" ? "waited for a free slot" : "was being answered";
  const ms = Math.round(record.deadlineMs - record.arrivedAtMs);
  return { code: "deadline_exceeded", message: `the request ${waited} when its ${ms} ms were over`, isRetryable: true };
}

function lateFailure(context: StepContext, { arrivedAtMs, model }: RequestRecord): GenerationFailure {
  const seconds = Math.round((context.nowMs - arrivedAtMs) / 1000);
  const message = `the request waited ${seconds} s for a free slot; the pool is busy, try again later`;
  const failure = { code: "deadline_exceeded", message, isRetryable: true } as const;
  const queue = outlookForNext(context, model);
  return queue === null ? failure : { ...failure, retryAfterMs: queue.expectedWaitMs, queue };
}
