// How many prompt tokens a step evaluates while other streams run.

/** Shortest chunk while others run. Measured (135 M, Q8_0, CPU): 64 is 0.94 of the speed of 256, 128 is 0.98. */
const chunkLengthMin = 64;
/** Longest time that running streams shall wait for a chunk. */
const pauseMsMax = 500;
/** Weight of the newest measurement. */
const learningRate = 0.3;

/** Learns the speed of prefill and keeps the pauses of running streams short. */
export class ChunkSize {
  readonly #lengthMax: number;
  #tokensPerMs: number | null = null;

  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax;
  }

  /** Notes that a chunk took so long. Small ones say little about large ones. */
  observe(length: number, durationMs: number): void {
    if (length < chunkLengthMin || durationMs <= 0) return;
    const measured = length / durationMs;
    const known = this.#tokensPerMs ?? measured;
    this.#tokensPerMs = known + learningRate * (measured - known);
  }

  /** A multiple of 64, up to the maximum; the maximum when nobody waits. */
  next(isOtherRunning: boolean): number {
    if (!isOtherRunning || this.#tokensPerMs === null) return this.#lengthMax;
    const wanted = Math.floor((this.#tokensPerMs * pauseMsMax) / 64) * 64;
    return Math.min(this.#lengthMax, Math.max(chunkLengthMin, wanted));
  }
}
