import { PomonaError } from "../core/errors.ts";
import {
  type Bucket,
  type BucketChange,
  type BucketEntry,
  type BucketOptions,
  defaultValueBytesMax,
  type ReadOutcome,
  type Unavailable,
  type WriteOutcome,
} from "./bucket.ts";

/** What an in-memory server keeps of one bucket. A removed key has no value, and is not forgotten. */
export type FakeStore = {
  readonly bucketId: string;
  revision: number;
  readonly kept: Map<string, { readonly value: Uint8Array | null; readonly revision: number }>;
  readonly watches: Set<(change: BucketChange) => void>;
};

export type FakeBucketDependencies = {
  /** null while the server is away. */
  readonly store: () => FakeStore | null;
  readonly onStatus: (listener: (isConnected: boolean) => void) => () => void;
};

const away: Unavailable = { kind: "unavailable", reason: "there is no connection to NATS" };

/** A client's view of one bucket of an in-memory server. */
export class FakeBucket implements Bucket {
  readonly #valueBytesMax: number;
  readonly #dependencies: FakeBucketDependencies;

  constructor({ valueBytesMax = defaultValueBytesMax }: BucketOptions, dependencies: FakeBucketDependencies) {
    this.#valueBytesMax = valueBytesMax;
    this.#dependencies = dependencies;
  }

  async get(key: string): Promise<ReadOutcome> {
    const store = this.#dependencies.store();
    if (store === null) return away;
    const kept = store.kept.get(key);
    if (kept === undefined || kept.value === null) return { kind: "missing" };
    return { kind: "found", entry: { key, value: kept.value.slice(), revision: kept.revision } };
  }

  create(key: string, value: Uint8Array): Promise<WriteOutcome> {
    return this.#write(key, value, (kept) => kept === null);
  }

  update(key: string, value: Uint8Array, revision: number): Promise<WriteOutcome> {
    return this.#write(key, value, (_, last) => last === revision);
  }

  put(key: string, value: Uint8Array): Promise<WriteOutcome> {
    return this.#write(key, value, () => true);
  }

  remove(key: string, revision: number | null): Promise<WriteOutcome> {
    return this.#write(key, null, (_, last) => revision === null || last === revision);
  }

  watch(listener: (change: BucketChange) => void): () => void {
    let watched: FakeStore | null = null;
    let isClosed = false;
    // As on a network, nothing comes before the caller has gone on.
    const tell = (change: BucketChange): void =>
      queueMicrotask(() => {
        if (!isClosed) callSafely(listener, change);
      });
    const begin = (): void => {
      watched?.watches.delete(tell);
      watched = this.#dependencies.store();
      if (watched === null) return;
      watched.watches.add(tell);
      tell(snapshotOf(watched));
    };
    begin();
    const stopListening = this.#dependencies.onStatus(begin);
    return () => {
      isClosed = true;
      stopListening();
      watched?.watches.delete(tell);
    };
  }

  async #write(
    key: string,
    value: Uint8Array | null,
    mayWrite: (kept: Uint8Array | null, revision: number) => boolean,
  ): Promise<WriteOutcome> {
    if (value !== null && value.length > this.#valueBytesMax)
      throw new PomonaError("payload_too_large", `${key} would be ${value.length} bytes long`);
    const store = this.#dependencies.store();
    if (store === null) return away;
    const last = store.kept.get(key) ?? { value: null, revision: 0 };
    if (!mayWrite(last.value, last.revision)) return { kind: "conflict" };
    store.revision += 1;
    const { revision } = store;
    store.kept.set(key, { value: value?.slice() ?? null, revision });
    const change: BucketChange =
      value === null ? { kind: "removed", key, revision } : { kind: "set", entry: { key, value, revision } };
    for (const tell of store.watches) tell(change);
    return { kind: "written", revision };
  }
}

function snapshotOf({ bucketId, revision: lastRevision, kept }: FakeStore): BucketChange {
  const entries: BucketEntry[] = [];
  for (const [key, { value, revision }] of kept) if (value !== null) entries.push({ key, value, revision });
  return { kind: "snapshot", entries, bucketId, lastRevision };
}

/** A handler's bug is its own. */
function callSafely(listener: (change: BucketChange) => void, change: BucketChange): void {
  try {
    listener(change);
  } catch {
    // The real one logs it.
  }
}
