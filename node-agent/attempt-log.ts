// The frames of one attempt, kept so that it can be taken up from any token index.
import { PomonaError } from "@pomona/shared/core/errors";
import type { Attempt, AttemptFrame } from "@pomona/shared/core/generation";
import type { AttemptReader } from "./node-port.ts";

/** Entries of a prompt's log-probabilities that take as much memory as an alternative of a token's. */
const packedPerToken = 8;

/**
 * Holds at most max tokens (with up to 20 log-probabilities each, where they were asked for), one or two frames for each
 * chunk of the prompt, and the ending, however many read it and however slowly: readers are positions in it.
 */
export class AttemptLog {
  readonly attempt: Attempt;
  /** Resolves when the ending is in it. */
  readonly ended: Promise<void>;
  readonly #frames: AttemptFrame[] = [];
  readonly #cursors = new Set<AttemptCursor>();
  #settleEnded: () => void = () => undefined;
  #tokens = 0;
  #isCut = false;

  constructor(attempt: Attempt) {
    this.attempt = attempt;
    this.ended = new Promise((resolve) => {
      this.#settleEnded = resolve;
    });
  }

  /** How much it holds: tokens, and the alternatives that were asked for with each. */
  get tokens(): number {
    return this.#tokens;
  }

  push(frame: AttemptFrame): void {
    this.#frames.push(frame);
    if (frame.kind === "tokens") this.#tokens += frame.ids.length * (1 + (this.attempt.decoding.topLogprobs ?? 0));
    if (frame.kind === "promptLogprobs") this.#tokens += Math.ceil(frame.logprobs.ids.length / packedPerToken);
    for (const cursor of this.#cursors) cursor.wake();
    if (frame.kind === "ending") this.#settleEnded();
  }

  /** Readers get nothing more, and nothing is kept for those that stall. */
  cut(): void {
    this.#isCut = true;
    this.#frames.length = 0;
    for (const cursor of this.#cursors) cursor.wake();
  }

  /** undefined when there is none yet. @throws PomonaError `not_found` after a cut. */
  frameAt(position: number): AttemptFrame | undefined {
    if (this.#isCut) {
      const { requestId, epoch } = this.attempt;
      throw new PomonaError("not_found", `request ${requestId} epoch ${epoch} is not kept here any more`);
    }
    return this.#frames[position];
  }

  /** Begins with every kept frame from a token index on. `onLeave` is told whether the reader has passed the ending on. */
  open(fromIndex: number, onLeave: (hasEnding: boolean) => void): AttemptCursor {
    const cursor = new AttemptCursor(this, fromIndex, (hasEnding) => {
      this.#cursors.delete(cursor);
      onLeave(hasEnding);
    });
    this.#cursors.add(cursor);
    return cursor;
  }
}

/** Where one reader is. */
class AttemptCursor implements AttemptReader {
  readonly leave: (hasEnding: boolean) => void;
  readonly #log: AttemptLog;
  readonly #fromIndex: number;
  #position = 0;
  #wake: () => void = () => undefined;

  constructor(log: AttemptLog, fromIndex: number, leave: (hasEnding: boolean) => void) {
    this.#log = log;
    this.#fromIndex = fromIndex;
    this.leave = leave;
  }

  get attempt(): Attempt {
    return this.#log.attempt;
  }

  next(): AttemptFrame | null {
    for (;;) {
      const frame = this.#log.frameAt(this.#position);
      if (frame === undefined) return null;
      this.#position += 1;
      const wanted = from(frame, this.#fromIndex);
      if (wanted !== null) return wanted;
    }
  }

  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(): void {
    this.#wake();
  }
}

/** The part of a frame that lies at or after a token index. */
function from(frame: AttemptFrame, index: number): AttemptFrame | null {
  if (frame.kind !== "tokens" || frame.firstIndex >= index) return frame;
  const skipped = index - frame.firstIndex;
  if (skipped >= frame.ids.length) return null;
  const logprobs = frame.logprobs?.slice(skipped) ?? null;
  return { ...frame, firstIndex: index, ids: frame.ids.slice(skipped), texts: frame.texts.slice(skipped), logprobs };
}
