// Requests that ended a moment ago, so that what is left of them on a node is not taken for somebody else's.
import type { RequestId } from "@pomona/shared/core/ids";
import type { StepContext } from "./state.ts";

/** An attempt that could not be ended is listed by its node for at most so long. */
const endedKeptMs = 60_000;
const endedMax = 10_000;

export function noteEnded({ state, nowMs }: StepContext, requestId: RequestId): void {
  state.endedAtMs.set(requestId, nowMs);
  for (const [oldest, endedAtMs] of state.endedAtMs) {
    if (nowMs - endedAtMs < endedKeptMs && state.endedAtMs.size <= endedMax) break;
    state.endedAtMs.delete(oldest);
  }
}
