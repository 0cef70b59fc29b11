// When a source that failed is asked again.

export const retryLimits = {
  /** Failures in a row, without a byte in between, after which a source is given up. */
  failuresMax: 5,
  waitMinMs: 500,
  waitMaxMs: 15_000,
} as const;

/** 0.5, 1, 2 ... 15 s; null when it is given up. @param failures in a row, at least 1. @param jitter 0 to 1. */
export function retryDelayMs(failures: number, jitter: number): number | null {
  if (failures >= retryLimits.failuresMax) return null;
  const waitMs = Math.min(retryLimits.waitMinMs * 2 ** (failures - 1), retryLimits.waitMaxMs);
  return waitMs * (0.75 + jitter / 2);
}
