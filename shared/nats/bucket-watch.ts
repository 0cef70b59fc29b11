import type { JetStreamClient, KV, KvEntry } from "nats";
import type { Logger } from "../runtime/logger.ts";
import type { BucketChange, BucketEntry } from "./bucket.ts";

/** A bucket as it is open on one connection: the server may have lost it by the next one. */
export type OpenBucket = {
  readonly view: KV;
  readonly client: JetStreamClient;
  /** Aborted when the connection is lost. */
  readonly stop: AbortSignal;
};

export type BucketWatchDependencies = {
  readonly bucket: string;
  /** Looks anew whether the bucket is there. */
  readonly open: () => Promise<OpenBucket>;
  readonly isConnected: () => boolean;
  readonly listener: (change: BucketChange) => void;
  readonly log: Logger;
};

/** A server without JetStream is asked again after this time. */
const retryMs = 2000;

/** Follows one bucket from connection to connection, each time from a whole snapshot on. */
export class BucketWatch {
  readonly #dependencies: BucketWatchDependencies;
  #isClosed = false;
  #isFollowing = false;
  #hasComplained = false;
  #stop: (() => void) | null = null;
  #retry: NodeJS.Timeout | null = null;

  constructor(dependencies: BucketWatchDependencies) {
    this.#dependencies = dependencies;
    this.wake();
  }

  /** Call it when there is a connection. */
  wake(): void {
    if (this.#isClosed || this.#isFollowing || !this.#dependencies.isConnected()) return;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    this.#isFollowing = true;
    this.#follow()
      .catch((error: unknown) => this.#complain(error))
      .finally(() => {
        this.#isFollowing = false;
        this.#stop = null;
        // Ended by an outage it goes on with the next connection; that one may be there already.
        if (!this.#isClosed) this.#retry = setTimeout(() => this.wake(), this.#hasComplained ? retryMs : 0);
      });
  }

  /** No change comes after this. */
  close(): void {
    this.#isClosed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#stop?.();
  }

  async #follow(): Promise<void> {
    const { view, stop } = await this.#dependencies.open();
    const { streamInfo } = await view.status();
    let entries: BucketEntry[] | null = [];
    const tellSnapshot = (): void => {
      const known = entries ?? [];
      entries = null;
      const lastRevision = Math.max(streamInfo.state.last_seq, ...known.map(({ revision }) => revision));
      this.#hasComplained = false;
      this.#tell({ kind: "snapshot", entries: known, bucketId: String(streamInfo.created), lastRevision });
    };
    const changes = await view.watch({ initializedFn: tellSnapshot });
    this.#stop = () => changes.stop();
    stop.addEventListener("abort", this.#stop, { once: true });
    if (stop.aborted || this.#isClosed) changes.stop();
    for await (const change of changes) {
      const told = changeOf(change);
      if (entries === null) this.#tell(told);
      else if (told.kind === "set") entries.push(told.entry);
    }
  }

  #tell(change: BucketChange): void {
    if (this.#isClosed) return;
    const { listener, log, bucket } = this.#dependencies;
    try {
      listener(change);
    } catch (error) {
      log.error({ bucket, err: error }, "handler of a bucket's change failed");
    }
  }

  #complain(error: unknown): void {
    const { isConnected, log, bucket } = this.#dependencies;
    // Without a connection this is no news.
    if (this.#isClosed || this.#hasComplained || !isConnected()) return;
    this.#hasComplained = true;
    log.warn({ bucket, reason: error instanceof Error ? error.message : String(error) }, "bucket cannot be watched");
  }
}

function changeOf({ key, value, revision, operation }: KvEntry): BucketChange & { kind: "set" | "removed" } {
  return operation === "PUT" ? { kind: "set", entry: { key, value, revision } } : { kind: "removed", key, revision };
}
