// How long requests will wait: what clients are told while they do, and when they are refused.
import type { QueueOutlook } from "@pomona/shared/core/errors";
import type { ModelName, RequestId } from "@pomona/shared/core/ids";
import { planningOf } from "./dispatch.ts";
import { forecastQueue } from "./scheduler/plan.ts";
import type { RequestRecord, StepContext } from "./state.ts";
import { readyReplicas } from "./views.ts";

/** Requests whose wait is played through; those behind are told the pace of these. */
const playedMax = 200;
/** A flood of refusals must cost little: the outlook of a model is worked out at most so often. */
const outlookValidMs = 1000;

/** What a request of a model would find if it came now; null when no replica is ready. */
export function outlookForNext(context: StepContext, model: ModelName): QueueOutlook | null {
  const { state, nowMs } = context;
  const kept = state.scheduler.outlooks.get(model);
  if (kept !== undefined && nowMs - kept.atMs < outlookValidMs) return kept.outlook;
  const waiting = state.queue.filter((record) => record.model === model);
  const { nextWaitMs } = play(context, model, waiting);
  const length = waiting.length;
  const outlook = nextWaitMs === null ? null : { length, position: length + 1, expectedWaitMs: nextWaitMs };
  state.scheduler.outlooks.set(model, { atMs: nowMs, outlook });
  return outlook;
}

/** The outlook of every waiting request of the models that have a ready replica. */
export function outlooksOfWaiting(context: StepContext): Map<RequestId, QueueOutlook> {
  const all = new Map<RequestId, QueueOutlook>();
  const models = new Set(context.state.queue.map(({ model }) => model));
  for (const model of models) {
    const waiting = context.state.queue.filter((record) => record.model === model);
    for (const [requestId, outlook] of play(context, model, waiting).outlooks) all.set(requestId, outlook);
  }
  return all;
}

type Played = { readonly outlooks: Map<RequestId, QueueOutlook>; readonly nextWaitMs: number | null };

function play(context: StepContext, model: ModelName, waiting: readonly RequestRecord[]): Played {
  const outlooks = new Map<RequestId, QueueOutlook>();
  const ready = readyReplicas(context.state, model);
  if (ready.length === 0) return { outlooks, nextWaitMs: null };
  const planning = planningOf(context, model, ready);
  const { length } = waiting;
  let position = 0;
  let expectedWaitMs = 0;
  for (const forecast of forecastQueue(planning, waiting, playedMax)) {
    position = forecast.position;
    expectedWaitMs = 1000 * forecast.startSeconds;
    outlooks.set(forecast.request.requestId, { length, position, expectedWaitMs });
  }
  if (position >= length)
    return { outlooks, nextWaitMs: 1000 * Math.min(...planning.candidates.map(({ wait }) => wait)) };
  const pace = expectedWaitMs / Math.max(1, position);
  for (const { requestId } of waiting) {
    if (outlooks.has(requestId)) continue;
    position += 1;
    outlooks.set(requestId, { length, position, expectedWaitMs: pace * position });
  }
  return { outlooks, nextWaitMs: pace * (length + 1) };
}
