import type { Ending } from "@pomona/shared/core/generation";
import type { RequestId } from "@pomona/shared/core/ids";

/** What one coordinator has for the client of a request: all of its tokens up to `next`, and how it ended. */
export type Session = {
  readonly requestId: RequestId;
  readonly beganAtMs: number;
  /** The token that is due. */
  next: number;
  /** Of the attempt that tokens came from last. */
  epoch: number;
  ending: Ending | null;
  /** null while its client reads it. */
  unreadSinceMs: number | null;
};

export function newSession(requestId: RequestId, nowMs: number): Session {
  return { requestId, beganAtMs: nowMs, next: 0, epoch: 0, ending: null, unreadSinceMs: nowMs };
}
