// Learns how fast a replica is from the steps that it makes anyway.
import { clampSpeed, type SpeedProfile } from "@pomona/shared/core/speed-profile";
import { LeastSquares } from "./least-squares.ts";

/** Tokens of context are counted in thousands, so that all coefficients are of one size. */
const contextUnit = 1000;
/** A step of so many times its prediction says that something else took the machine: it counts as that many times. */
const outlierFactor = 4;
/** Half of what is known is from the last 140 steps. */
const forgetting = 0.995;
const noiseShare = 0.2;

/**
 * Two linear models. A decode step of k streams with c tokens of context takes a + b (k - 1) + q c; a chunk of n prompt
 * tokens behind c tokens of context takes n (r + s (c + n / 2)). See `decodeStepSeconds` and `prefillSeconds`.
 */
export class SpeedLearner {
  readonly #start: SpeedProfile;
  readonly #decode: LeastSquares;
  readonly #prefill: LeastSquares;
  #restoreBytesPerSecond: number;
  #observations = 0;

  /** `start` is what an earlier process learned, or what the chip promises. */
  constructor(start: SpeedProfile) {
    this.#start = start;
    this.#restoreBytesPerSecond = start.restoreBytesPerSecond;
    const alone = 1 / start.decodeTokensPerSecond;
    const perContext = (contextUnit * start.kvBytesPerToken) / start.memoryBytesPerSecond;
    this.#decode = new LeastSquares({
      initial: [alone, alone * start.slotSlowdown, perContext],
      deviation: [alone, alone, perContext + alone / 10],
      noise: alone * noiseShare,
      forgetting,
    });
    const token = 1 / start.prefillTokensPerSecond;
    const slowdown = (token * contextUnit) / start.contextSlowdownTokens;
    this.#prefill = new LeastSquares({
      initial: [token, slowdown],
      deviation: [token, slowdown],
      noise: token * noiseShare,
      forgetting,
    });
  }

  /** Steps that were looked at. */
  get observations(): number {
    return this.#observations;
  }

  /** One batch in which `streams` streams got a token each; `contextTokens` is the sum of their contexts. */
  decoded(streams: number, contextTokens: number, seconds: number): void {
    this.#observe(this.#decode, [1, streams - 1, contextTokens / contextUnit], seconds);
  }

  /** One chunk of `tokens` prompt tokens behind `before` tokens of context. */
  evaluated(tokens: number, before: number, seconds: number): void {
    if (tokens < shortestChunk) return;
    this.#observe(this.#prefill, [1, (before + tokens / 2) / contextUnit], seconds / tokens);
  }

  /** A saved state came back into a slot. */
  restored(bytes: number, seconds: number): void {
    if (seconds <= 0 || bytes <= 0) return;
    this.#restoreBytesPerSecond += 0.2 * (bytes / seconds - this.#restoreBytesPerSecond);
  }

  /** What was learned, with every figure in its range. */
  profile(): SpeedProfile {
    const [alone = 0, perStream = 0, perContext = 0] = this.#decode.coefficients;
    const [token = 0, slowdown = 0] = this.#prefill.coefficients;
    const { kvBytesPerToken } = this.#start;
    const learned: SpeedProfile = {
      ...this.#start,
      prefillTokensPerSecond: 1 / token,
      contextSlowdownTokens: slowdown <= 0 ? Number.MAX_VALUE : (token * contextUnit) / slowdown,
      decodeTokensPerSecond: 1 / alone,
      slotSlowdown: perStream / alone,
      memoryBytesPerSecond: perContext <= 0 ? Number.MAX_VALUE : (contextUnit * kvBytesPerToken) / perContext,
      restoreBytesPerSecond: this.#restoreBytesPerSecond,
    };
    // A coefficient below zero says that the data were too few to tell it apart.
    return clampSpeed(token > 0 && alone > 0 ? learned : this.#start, this.#start).speed;
  }

  #observe(model: LeastSquares, x: readonly number[], seconds: number): void {
    if (!Number.isFinite(seconds) || seconds <= 0) return;
    const predicted = model.predict(x);
    const isSettled = this.#observations > settledAfter && predicted > 0;
    model.observe(x, isSettled ? Math.min(seconds, outlierFactor * predicted) : seconds);
    this.#observations += 1;
  }
}

/** A shorter chunk costs as much as a decode step, and says nothing about prefill. */
const shortestChunk = 16;
/** From then on a slow step is an outlier and not news. */
const settledAfter = 20;
