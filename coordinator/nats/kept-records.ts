// Records of one bucket, as this coordinator knows them: what the bucket says is so, and what the bucket has lost is
// written to it again.
import { PomonaError } from "@pomona/shared/core/errors";
import type { Bucket, BucketChange, BucketEntry, WriteOutcome } from "@pomona/shared/nats/bucket";
import type { Logger } from "@pomona/shared/runtime/logger";
import type { BucketMemory } from "./remembered-bucket.ts";

export type KeptRecordsConfig<Kept> = {
  /** What one is, for messages: `deployment`. */
  readonly what: string;
  readonly countMax: number;
  readonly keyOf: (record: Kept) => string;
  readonly encode: (record: Kept) => Uint8Array;
  /** @throws whatever is wrong with the bytes. */
  readonly decode: (bytes: Uint8Array, revision: number) => Kept;
  /** What is written where the bucket has a declared record already; null when the bucket's own one stays. */
  readonly merge: (declared: Kept, found: Kept) => Kept | null;
};

export type KeptRecordsDependencies<Kept> = {
  /** null without NATS. */
  readonly bucket: Bucket | null;
  readonly memory: BucketMemory;
  readonly log: Logger;
  readonly onSet: (record: Kept) => void;
  readonly onRemoved: (record: Kept) => void;
};

/** How long a write waits until it came back by the watch, which alone changes what is known. */
const echoTimeoutMs = 2000;

/** Revision 0 marks what is not in the bucket, or not any more. */
export class KeptRecords<Kept extends { readonly revision: number }> {
  readonly #config: KeptRecordsConfig<Kept>;
  readonly #dependencies: KeptRecordsDependencies<Kept>;
  readonly #known = new Map<string, Kept>();
  /** Keys that options name, until the bucket has said what it has of them. */
  readonly #declared = new Set<string>();
  /** Keys whose record has changed here, until the bucket has it. */
  readonly #noted = new Set<string>();
  readonly #stopWatching: () => void;
  /** Which bucket the revisions are of; null while none was seen. */
  #bucketId: string | null = null;
  #isRead = false;
  #seenRevision = 0;
  #isClosed = false;
  #waiting: (() => void)[] = [];

  constructor(config: KeptRecordsConfig<Kept>, dependencies: KeptRecordsDependencies<Kept>) {
    this.#config = config;
    this.#dependencies = dependencies;
    this.#stopWatching = dependencies.bucket?.watch((change) => this.#take(change)) ?? (() => undefined);
  }

  all(): readonly Kept[] {
    return [...this.#known.values()];
  }

  find(key: string): Kept | null {
    return this.#known.get(key) ?? null;
  }

  /** Resolves when the bucket has said what it has, or after this time with what was last known of it. */
  async whenRead(timeoutMs: number): Promise<void> {
    await this.#until(() => this.#isRead, timeoutMs);
    if (!this.#isRead && this.#bucketId === null) this.#recall();
  }

  /** Known from now on, and written as soon as the bucket can be: at once, or when it is there. */
  declare(record: Kept): void {
    const key = this.#config.keyOf(record);
    const found = this.find(key);
    this.#declared.add(key);
    if (found !== null && found.revision > 0) {
      this.#meet(key, record, found);
      return;
    }
    this.#set(key, record);
    if (this.#isRead) this.#write(key, record, 0);
  }

  /**
   * Changes a record at once, and in the bucket as soon as that can be. Nothing happens when the record was edited since
   * the revision that this one has; whoever edits it in the bucket meanwhile wins.
   */
  note(record: Kept): void {
    const key = this.#config.keyOf(record);
    if (this.find(key)?.revision !== record.revision) return;
    this.#set(key, record);
    if (record.revision === 0) return;
    this.#noted.add(key);
    this.#write(key, record, record.revision);
  }

  /**
   * @param expectedRevision 0 for a record that must not be there yet, null for whichever.
   * @throws PomonaError `conflict`, or `failed_precondition` when nothing can be written now or there are too many.
   */
  async put(record: Kept, expectedRevision: number | null): Promise<Kept> {
    const { what, countMax, keyOf, encode } = this.#config;
    const key = keyOf(record);
    if (!this.#known.has(key) && this.#known.size >= countMax) {
      const message = `this pool keeps ${countMax} ${what}s already, the most that it does: remove one first`;
      throw new PomonaError("failed_precondition", message);
    }
    const bytes = encode(record);
    const revision = await this.#written(key, (bucket) => {
      if (expectedRevision === null) return bucket.put(key, bytes);
      return expectedRevision === 0 ? bucket.create(key, bytes) : bucket.update(key, bytes, expectedRevision);
    });
    return { ...record, revision };
  }

  /** @throws PomonaError as `put`. */
  async remove(key: string, expectedRevision: number | null): Promise<void> {
    await this.#written(key, (bucket) => bucket.remove(key, expectedRevision));
  }

  close(): void {
    this.#isClosed = true;
    this.#stopWatching();
    this.#wake();
  }

  async #written(key: string, write: (bucket: Bucket) => Promise<WriteOutcome>): Promise<number> {
    const { bucket } = this.#dependencies;
    if (bucket === null) {
      throw new PomonaError(
        "failed_precondition",
        "this coordinator has no NATS, where what should run is kept: start it with --nats-url",
      );
    }
    const outcome = await write(bucket);
    if (outcome.kind === "conflict") throw this.#conflict(key);
    if (outcome.kind === "unavailable") {
      throw new PomonaError(
        "failed_precondition",
        `what should run cannot be written now (NATS: ${outcome.reason}): try again when NATS is back, and see what is kept`,
      );
    }
    await this.#until(() => this.#seenRevision >= outcome.revision, echoTimeoutMs);
    return outcome.revision;
  }

  #conflict(key: string): PomonaError {
    const { what } = this.#config;
    const known = this.#known.get(key);
    const now = known === undefined ? "it is not there now" : `it has revision ${known.revision} now`;
    return new PomonaError("conflict", `somebody else has changed this ${what} meanwhile, ${now}: read it again`);
  }

  #take(change: BucketChange): void {
    if (change.kind === "snapshot") this.#takeSnapshot(change);
    else if (change.kind === "set") this.#takeEntry(change.entry);
    else this.#takeRemoval(change.key);
    if (change.kind === "set") this.#seenRevision = change.entry.revision;
    if (change.kind === "removed") this.#seenRevision = change.revision;
    this.#remember();
    this.#wake();
  }

  #takeSnapshot({ entries, bucketId, lastRevision }: BucketChange & { kind: "snapshot" }): void {
    // One that was never written to, where there was another: it was lost while nobody looked.
    if (this.#bucketId === null && lastRevision === 0) this.#recall();
    // Revisions of another bucket say nothing in this one.
    if (this.#bucketId !== null && this.#bucketId !== bucketId) this.#forgetRevisions();
    this.#bucketId = bucketId;
    this.#isRead = true;
    this.#seenRevision = lastRevision;
    const isLost = ({ revision }: Kept): boolean => revision === 0 || revision > lastRevision;
    const there = new Set(entries.map(({ key }) => key));
    for (const entry of entries) {
      const known = this.#known.get(entry.key);
      const isNoted = this.#noted.has(entry.key) && known?.revision === entry.revision;
      const isNewer = known !== undefined && (isNoted || known.revision > lastRevision);
      if (isNewer) this.#write(entry.key, known, entry.revision);
      else this.#takeEntry(entry);
    }
    for (const [key, record] of [...this.#known]) {
      if (there.has(key)) continue;
      if (isLost(record)) this.#write(key, record, 0);
      else this.#takeRemoval(key);
    }
  }

  /** Goes on with what this coordinator saw last. */
  #recall(): void {
    const { memory, log } = this.#dependencies;
    const remembered = memory.read();
    if (remembered === null) return;
    const { what } = this.#config;
    log.warn({ what, count: remembered.entries.length }, "NATS says nothing of it: going on with what was last known");
    this.#bucketId = remembered.bucketId;
    for (const entry of remembered.entries) this.#takeEntry(entry);
  }

  #remember(): void {
    if (this.#bucketId === null) return;
    const { keyOf, encode } = this.#config;
    const kept = [...this.#known.values()].filter(({ revision }) => revision > 0);
    const entries = kept.map((record) => ({ key: keyOf(record), value: encode(record), revision: record.revision }));
    this.#dependencies.memory.write({ bucketId: this.#bucketId, entries });
  }

  #forgetRevisions(): void {
    const { what } = this.#config;
    this.#dependencies.log.warn({ what, count: this.#known.size }, "NATS has lost what was kept there: written again");
    for (const [key, record] of this.#known) this.#known.set(key, { ...record, revision: 0 });
  }

  #takeEntry(entry: BucketEntry): void {
    const { key, revision } = entry;
    const found = this.#decode(entry);
    const known = this.#known.get(key);
    if (found === null || known?.revision === revision) return;
    this.#noted.delete(key);
    if (known !== undefined && this.#declared.has(key)) this.#meet(key, known, found);
    else this.#set(key, found);
  }

  /** What options name meets what the bucket has: once, or edits of it would not last. */
  #meet(key: string, declared: Kept, found: Kept): void {
    const { what, merge } = this.#config;
    this.#declared.delete(key);
    const merged = merge(declared, found);
    if (merged === null) {
      this.#set(key, found);
      return;
    }
    this.#dependencies.log.info({ what, key }, "the options change what is kept");
    this.#set(key, { ...merged, revision: found.revision });
    this.#write(key, merged, found.revision);
  }

  #takeRemoval(key: string): void {
    const known = this.#known.get(key);
    if (known === undefined) return;
    for (const keys of [this.#known, this.#declared, this.#noted]) keys.delete(key);
    this.#dependencies.onRemoved(known);
  }

  #set(key: string, record: Kept): void {
    const { what, countMax } = this.#config;
    if (!this.#known.has(key) && this.#known.size >= countMax) {
      this.#dependencies.log.error({ what, key, countMax }, "record ignored: there are too many");
      return;
    }
    this.#known.set(key, record);
    this.#dependencies.onSet(record);
  }

  /** In the background: what was written comes back by the watch. */
  #write(key: string, record: Kept, revision: number): void {
    const { bucket, log } = this.#dependencies;
    const { what, encode } = this.#config;
    if (bucket === null) return;
    const bytes = encode(record);
    void (revision === 0 ? bucket.create(key, bytes) : bucket.update(key, bytes, revision))
      .then((outcome) => {
        // Somebody who was faster is told by the watch; after an outage the next snapshot brings it up again.
        if (outcome.kind !== "unavailable") return;
        this.#noted.add(key);
        log.warn({ what, key, reason: outcome.reason }, "record not written yet");
      })
      .catch((error: unknown) => log.error({ what, key, err: error }, "record cannot be written"));
  }

  #decode({ key, value, revision }: BucketEntry): Kept | null {
    const { what, keyOf, decode } = this.#config;
    try {
      const record = decode(value, revision);
      if (keyOf(record) === key) return record;
      throw new PomonaError("invalid_request", "its key is another one's");
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#dependencies.log.error({ what, key, revision, reason }, "record ignored: it cannot be read");
      return null;
    }
  }

  async #until(isSo: () => boolean, timeoutMs: number): Promise<void> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#wake();
    }, timeoutMs);
    while (!isSo() && !isLate && !this.#isClosed) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    clearTimeout(timer);
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
