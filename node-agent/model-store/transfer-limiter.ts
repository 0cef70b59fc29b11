// How fast model files may travel: as fast as they can while nothing is generated here, and so slowly that it does not
// suffer while something is.
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "@pomona/shared/runtime/clock";
import { emptyTokenBucket, takeTokens } from "../core/transfer/token-bucket.ts";

/** Which way bytes went, and who was at the other end. */
export type TransferCount = { readonly direction: "received" | "sent"; readonly peer: "node" | "source" };

export type TransferRates = {
  /** Bytes per second; null is no limit. */
  readonly maxBytesPerSecond: number | null;
  /** Bytes per second while attempts run on this node. */
  readonly busyBytesPerSecond: number;
};

/** Between two requests of a conversation a node is not idle. */
const quietMs = 2000;

/** One for everything that comes and one for everything that goes. */
export class TransferLimiter {
  readonly #rates: TransferRates;
  readonly #dependencies: { readonly clock: Clock; readonly isBusy: () => boolean };
  readonly #bucket = emptyTokenBucket();
  #busyAtMs = Number.NEGATIVE_INFINITY;

  constructor(rates: TransferRates, dependencies: { readonly clock: Clock; readonly isBusy: () => boolean }) {
    this.#rates = rates;
    this.#dependencies = dependencies;
  }

  /** Resolves when the bytes may pass; at once without a limit. @throws AbortError when the signal aborts. */
  async pass(bytes: number, signal: AbortSignal): Promise<void> {
    const { clock, isBusy } = this.#dependencies;
    const nowMs = clock.nowMs();
    if (isBusy()) this.#busyAtMs = nowMs;
    const bytesPerSecond = this.#limit(nowMs - this.#busyAtMs < quietMs);
    const waitMs = takeTokens(this.#bucket, { bytes, bytesPerSecond, nowMs });
    // Timers are no finer than this; what is owed is waited for with the next piece.
    if (waitMs >= 1) await delay(waitMs, undefined, { signal });
  }

  #limit(isBusy: boolean): number | null {
    const { maxBytesPerSecond, busyBytesPerSecond } = this.#rates;
    if (!isBusy) return maxBytesPerSecond;
    return Math.min(busyBytesPerSecond, maxBytesPerSecond ?? Number.POSITIVE_INFINITY);
  }
}
