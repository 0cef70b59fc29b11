// How many tokens of a prompt are evaluated together when all of their logits are looked at.
import { smallChunkMax } from "./chunk-record.ts";

/** Longest time that running streams shall wait for such a chunk. */
const pauseMsMax = 250;
/** Weight of the newest measurement. */
const learningRate = 0.3;
/** Bytes of the logits of one chunk: the engine keeps as much for them from then on. */
const logitsBytesMax = 16 * 1024 * 1024;
const logitBytes = 4;

/**
 * Small chunks, so that a prompt is evaluated as it would have been generated; fewer tokens where the vocabulary is large,
 * and where others wait.
 */
export class LoggedChunkSize {
  readonly #lengthMax: number;
  #msPerToken: number | null = null;

  constructor(vocabularySize: number) {
    const fitting = Math.floor(logitsBytesMax / (logitBytes * Math.max(1, vocabularySize)));
    this.#lengthMax = Math.max(1, Math.min(smallChunkMax, fitting));
  }

  /** Notes that a chunk, and the look at its logits, took so long. */
  observe(length: number, durationMs: number): void {
    if (length < 1 || durationMs <= 0) return;
    const measured = durationMs / length;
    const known = this.#msPerToken ?? measured;
    this.#msPerToken = known + learningRate * (measured - known);
  }

  /** At least 1. */
  next(isOtherRunning: boolean): number {
    if (!isOtherRunning || this.#msPerToken === null) return this.#lengthMax;
    return Math.max(1, Math.min(this.#lengthMax, Math.floor(pauseMsMax / this.#msPerToken)));
  }
}
