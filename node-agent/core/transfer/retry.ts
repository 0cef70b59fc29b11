// When a source that failed is asked again.

export type RetryLimits = {
  /** Failures in a row, without a chunk in between, after which a source is given up. */
  readonly failuresMax: number;
  readonly waitMinMs: number;
  readonly waitMaxMs: number;
};

export const retryLimits: RetryLimits = { failuresMax: 5, waitMinMs: 500, waitMaxMs: 15_000 };

/**
 * 0.5, 1, 2 ... 15 s; null when it is given up.
 * @param failures in a row, at least 1.
 * @param jitter 0 to 1.
 */
export function retryDelayMs(failures: number, jitter: number, limits: RetryLimits = retryLimits): number | null {
  if (failures >= limits.failuresMax) return null;
  const waitMs = Math.min(limits.waitMinMs * 2 ** (failures - 1), limits.waitMaxMs);
  return waitMs * (0.75 + jitter / 2);
}
