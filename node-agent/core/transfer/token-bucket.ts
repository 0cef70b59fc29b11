// Bytes per second, on average over a short time.

/** What may be sent at once after a pause. */
const burstSeconds = 0.1;

export type TokenBucket = {
  /** Bytes that may pass now; below zero while what passed has to be waited for. */
  tokens: number;
  updatedAtMs: number;
};

export function emptyTokenBucket(): TokenBucket {
  return { tokens: 0, updatedAtMs: 0 };
}

export type Take = {
  readonly bytes: number;
  /** Null passes everything. */
  readonly bytesPerSecond: number | null;
  readonly nowMs: number;
};

/** Lets the bytes pass, and says how long to wait before the next. */
export function takeTokens(bucket: TokenBucket, { bytes, bytesPerSecond, nowMs }: Take): number {
  if (bytesPerSecond === null) {
    bucket.tokens = 0;
    bucket.updatedAtMs = nowMs;
    return 0;
  }
  const gained = ((nowMs - bucket.updatedAtMs) / 1000) * bytesPerSecond;
  bucket.tokens = Math.min(burstSeconds * bytesPerSecond, bucket.tokens + gained) - bytes;
  bucket.updatedAtMs = nowMs;
  return bucket.tokens >= 0 ? 0 : (-bucket.tokens / bytesPerSecond) * 1000;
}
