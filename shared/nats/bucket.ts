/** Keys and values that the server keeps on disk: what must survive every process. */
export type Bucket = {
  get(key: string): Promise<ReadOutcome>;
  /** Writes a key that is not there, or was removed. */
  create(key: string, value: Uint8Array): Promise<WriteOutcome>;
  /** Writes a key whose last change has this revision: of several who try, one wins. */
  update(key: string, value: Uint8Array, revision: number): Promise<WriteOutcome>;
  /** Writes, whatever was there. */
  put(key: string, value: Uint8Array): Promise<WriteOutcome>;
  /** Removes a key; with a revision only as long as that is its last change. Removing what is not there is no fault. */
  remove(key: string, revision: number | null): Promise<WriteOutcome>;
  /**
   * Calls back with all that is there, then with each change in the order of revisions, until the returned function is
   * called. After each connection that was lost it begins with all that is there again.
   */
  watch(listener: (change: BucketChange) => void): () => void;
};

export type BucketOptions = {
  /** Letters, digits, `-` and `_`. */
  readonly name: string;
  /** Servers of a cluster that keep it; 1 by default. */
  readonly replicas?: number;
  /** Longest value; 262,144 bytes by default. A longer one throws PomonaError `payload_too_large`. */
  readonly valueBytesMax?: number;
};

/** Keys are letters, digits and `- _ / =`, with dots between. Revisions grow with each change of any key. */
export type BucketEntry = { readonly key: string; readonly value: Uint8Array; readonly revision: number };

export type ReadOutcome =
  | { readonly kind: "found"; readonly entry: BucketEntry }
  | { readonly kind: "missing" }
  | Unavailable;

export type WriteOutcome =
  | { readonly kind: "written"; readonly revision: number }
  /** Somebody else has changed the key. */
  | { readonly kind: "conflict" }
  | Unavailable;

/** The server is away, or has no JetStream, or did not answer in time: a write may or may not have been made. */
export type Unavailable = { readonly kind: "unavailable"; readonly reason: string };

export type BucketChange =
  | {
      readonly kind: "snapshot";
      readonly entries: readonly BucketEntry[];
      /** Differs from earlier ones when the server has lost the bucket and it was made anew. */
      readonly bucketId: string;
      /** The last change of any key. Less than one that was seen: the server has lost its last writes. */
      readonly lastRevision: number;
    }
  | { readonly kind: "set"; readonly entry: BucketEntry }
  | { readonly kind: "removed"; readonly key: string; readonly revision: number };

export const defaultValueBytesMax = 256 * 1024;
