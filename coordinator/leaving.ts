// What becomes of requests with which their coordinator does not go on, and what it still does for the others once another
// coordinator decides.
import { PomonaError } from "@pomona/shared/core/errors";
import { failureOf } from "@pomona/shared/core/generation";
import type { RequestId } from "@pomona/shared/core/ids";
import type { EffectKind } from "./core/effect.ts";
import { type ClusterState, usageOf } from "./core/state.ts";
import type { RunningRequests } from "./running-requests.ts";

export function shuttingDown(): PomonaError {
  return new PomonaError("shutting_down", "this coordinator is stopping: try again in a moment", {
    retryAfterMs: 1000,
  });
}

/** Effects that another coordinator does not see to: answers go on to their clients. */
export const retiredEffects: ReadonlySet<EffectKind> = new Set(["deliver", "finish", "cancelAttempt"]);

type Parts = {
  readonly state: ClusterState;
  readonly running: RunningRequests;
  /** Nobody wants it any more. */
  readonly cancel: (requestId: RequestId) => void;
};

/** Ends them as failed with `shutting_down`, so that their clients know to try again. */
export function leaveRequests(ids: readonly RequestId[], { state, running, cancel }: Parts): void {
  const failure = failureOf(shuttingDown());
  const unwanted: RequestId[] = [];
  for (const requestId of ids) {
    const record = state.requests.get(requestId);
    if (record === undefined) continue;
    const { queueMs, prefillMs, decodeMs, place } = record;
    // What somebody can come back for is left with its node: the next coordinator goes on with it. Those that wait go
    // first, so that none of them gets a slot that becomes free.
    if (place.kind !== "bound") unwanted.unshift(requestId);
    else if (!running.isResumable(requestId)) unwanted.push(requestId);
    const timings = { queueMs, prefillMs, decodeMs };
    running.end(requestId, { reason: "failed", failure, usage: usageOf(record), timings });
  }
  for (const requestId of unwanted) cancel(requestId);
}
