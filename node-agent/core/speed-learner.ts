// Learns how fast a replica is from the steps that it makes anyway.
import { clampSpeed, type SpeedProfile } from "@pomona/shared/core/speed-profile";
import { PositiveSum } from "./positive-sum.ts";

/** A shorter chunk costs as much as a decode step, and says nothing about prefill. */
const shortestChunk = 16;
/** Where nothing is known of a term, it begins as this share of the step. */
const unknownShare = 1e-3;

/**
 * Two sums of positive terms. A decode step of k streams with c tokens of context takes a + b (k - 1) + q c; a prompt
 * token behind c tokens of context takes r + s c. See `decodeStepSeconds` and `prefillSeconds`.
 */
export class SpeedLearner {
  readonly #start: SpeedProfile;
  readonly #decode: PositiveSum;
  readonly #prefill: PositiveSum;
  #restoreBytesPerSecond: number;

  /** `start` is what an earlier process learned, or what the chip promises. */
  constructor(start: SpeedProfile) {
    this.#start = start;
    this.#restoreBytesPerSecond = start.restoreBytesPerSecond;
    const alone = 1 / start.decodeTokensPerSecond;
    const perContext = start.kvBytesPerToken / start.memoryBytesPerSecond;
    const slowdown = Math.max(unknownShare, start.slotSlowdown);
    this.#decode = new PositiveSum([alone, alone * slowdown, Math.max(alone * unknownShare * 1e-3, perContext)]);
    const token = 1 / start.prefillTokensPerSecond;
    this.#prefill = new PositiveSum([token, token / start.contextSlowdownTokens]);
  }

  /** One step in which `streams` streams got a token each; `contextTokens` is the sum of their contexts. */
  decoded(streams: number, contextTokens: number, seconds: number): void {
    this.#decode.observe([1, streams - 1, contextTokens], seconds);
  }

  /** One chunk of `tokens` prompt tokens behind `before` tokens of context. */
  evaluated(tokens: number, before: number, seconds: number): void {
    if (tokens >= shortestChunk) this.#prefill.observe([1, before + tokens / 2], seconds / tokens);
  }

  /** A saved state came back into a slot. */
  restored(bytes: number, seconds: number): void {
    const speed = bytes / seconds;
    if (speed > 0 && Number.isFinite(speed)) this.#restoreBytesPerSecond += 0.2 * (speed - this.#restoreBytesPerSecond);
  }

  /** What was learned, with every figure in its range. */
  profile(): SpeedProfile {
    const [alone = 0, perStream = 0, perContext = 0] = this.#decode.coefficients;
    const [token = 0, perPosition = 0] = this.#prefill.coefficients;
    const learned: SpeedProfile = {
      ...this.#start,
      prefillTokensPerSecond: 1 / token,
      contextSlowdownTokens: token / perPosition,
      decodeTokensPerSecond: 1 / alone,
      slotSlowdown: perStream / alone,
      memoryBytesPerSecond: this.#start.kvBytesPerToken / perContext,
      restoreBytesPerSecond: this.#restoreBytesPerSecond,
    };
    return clampSpeed(learned, this.#start).speed;
  }
}
