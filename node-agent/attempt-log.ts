// The frames of one running attempt, kept so that it can be taken up from any token index.
import type { Attempt, AttemptFrame } from "@pomona/shared/core/generation";

type Reader = (frame: AttemptFrame) => void;

/** Bounded by the attempt's max tokens and its prefill chunks. */
export class AttemptLog {
  readonly attempt: Attempt;
  readonly #frames: AttemptFrame[] = [];
  readonly #readers = new Set<Reader>();

  constructor(attempt: Attempt) {
    this.attempt = attempt;
  }

  get hasReaders(): boolean {
    return this.#readers.size > 0;
  }

  push(frame: AttemptFrame): void {
    this.#frames.push(frame);
    for (const reader of this.#readers) reader(frame);
  }

  /** Calls back with every kept frame from a token index on, then with each new one. Returns how to leave. */
  read(fromIndex: number, reader: Reader): () => void {
    for (const frame of this.#frames) {
      const kept = from(frame, fromIndex);
      if (kept !== null) reader(kept);
    }
    this.#readers.add(reader);
    return () => this.#readers.delete(reader);
  }
}

/** The part of a frame that lies at or after a token index. */
function from(frame: AttemptFrame, index: number): AttemptFrame | null {
  if (frame.kind !== "tokens" || frame.firstIndex >= index) return frame;
  const skipped = index - frame.firstIndex;
  if (skipped >= frame.ids.length) return null;
  return { ...frame, firstIndex: index, ids: frame.ids.slice(skipped), texts: frame.texts.slice(skipped) };
}
