// Ids of the events of an answer on its way, by which a client that lost its connection says what it has of it.
import { PomonaError } from "@pomona/shared/core/errors";
import type { RequestId } from "@pomona/shared/core/ids";

/** The id of the last event that a client has got: the answer goes on after it. Without an index it comes from its beginning. */
export const lastEventHeader = "last-event-id";

/** What a client has of an answer when it comes back. */
export type SeenEvent = {
  readonly requestId: RequestId;
  /** Of the last token whose event was seen; -1 when not even the answer's beginning was. */
  readonly index: number;
  /** Frames of that event which were seen. */
  readonly frames: number;
  /** Frames after the last token that were seen. */
  readonly ends: number;
  /** Tokens of the prompt, where they are told. */
  readonly promptTokens: number;
};

export const nothingSeen: Omit<SeenEvent, "requestId"> = { index: -1, frames: 0, ends: 0, promptTokens: 0 };

/** @throws PomonaError `invalid_request` for what is no id of an event. */
export function parseEventId(text: string): SeenEvent {
  const id = /^([0-9a-f]{32})(?:-(?:(\d{1,9})(?:\.(\d{1,9}))?|end\.(\d{1,9})|prompt\.(\d{1,9})))?$/;
  const [, requestId, lastIndex = -1, frames = Number.POSITIVE_INFINITY, ends, told] = id.exec(text) ?? [];
  if (requestId === undefined)
    throw new PomonaError("invalid_request", `${lastEventHeader} is not the id of an event of this pool`, {
      field: lastEventHeader,
    });
  if (told !== undefined) return { requestId, index: 0, frames: 0, ends: 0, promptTokens: Number(told) };
  const index = ends === undefined ? Number(lastIndex) : Number.POSITIVE_INFINITY;
  const hasOutput = index > 0 || (index === 0 && Number(frames) > 0);
  const promptTokens = hasOutput ? Number.POSITIVE_INFINITY : 0;
  return { requestId, index, frames: Number(frames), ends: Number(ends ?? 0), promptTokens };
}

/** Of the frames at the beginning of an answer: nothing of its first token was seen. */
export function beginId(requestId: RequestId): string {
  return `${requestId}-0.0`;
}

/** Of a frame of the prompt's tokens: so many of them were told by then. */
export function promptId(requestId: RequestId, tokens: number): string {
  return `${requestId}-prompt.${tokens}`;
}

/** A cut between two frames of one event loses neither and repeats none. */
export function frameId(
  requestId: RequestId,
  lastIndex: number,
  frame: { readonly number: number; readonly of: number },
): string {
  return `${requestId}-${lastIndex}${frame.number === frame.of ? "" : `.${frame.number}`}`;
}

/** Of a frame after the last token: those of the answer's end are counted from 1. */
export function endId(requestId: RequestId, number: number): string {
  return `${requestId}-end.${number}`;
}

/** How many of an event's frames whoever comes back has. */
export function seenFrames({ index, frames }: Pick<SeenEvent, "index" | "frames">, lastIndex: number): number {
  if (lastIndex === index) return frames;
  return lastIndex > index ? 0 : Number.POSITIVE_INFINITY;
}
