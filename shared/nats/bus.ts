import type { Bucket, BucketOptions } from "./bucket.ts";

/** What both processes need of NATS. Nothing that must not be lost travels by `publish`: that is what buckets are for. */
export type Bus = {
  readonly isConnected: boolean;
  /** Sends, or drops silently while the connection is away. */
  publish(subject: string, payload: Uint8Array): void;
  /**
   * Calls back for each message until the returned function is called; survives reconnects. At most `pendingMax`
   * messages (1,024) wait for the callback; the oldest are dropped.
   */
  subscribe(subject: string, onMessage: (subject: string, payload: Uint8Array) => void): () => void;
  /** Keys and values that outlive every process. Returns at once; the bucket is made at its first use. */
  openBucket(options: BucketOptions): Bucket;
  /** Calls back on each change of `isConnected`, until the returned function is called. */
  onStatus(listener: (isConnected: boolean) => void): () => void;
  /** Flushes what is queued, at most a second, and closes. */
  close(): Promise<void>;
};
