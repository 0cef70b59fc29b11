// A bucket of JetStream's key-value store: https://docs.nats.io/nats-concepts/jetstream/key-value-store
import { headers, type NatsConnection, NatsError, StorageType } from "nats";
import { PomonaError } from "../core/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import {
  type Bucket,
  type BucketChange,
  type BucketOptions,
  defaultValueBytesMax,
  type ReadOutcome,
  type Unavailable,
  type WriteOutcome,
} from "./bucket.ts";
import { BucketWatch, type OpenBucket } from "./bucket-watch.ts";

export type NatsBucketDependencies = {
  /** null while there is none. */
  readonly connection: () => NatsConnection | null;
  readonly onStatus: (listener: (isConnected: boolean) => void) => () => void;
  readonly log: Logger;
};

/** Of one call to the server. */
const callTimeoutMs = 2000;
/** https://github.com/nats-io/nats-server/blob/v2.9.10/server/errors.json: JSStreamWrongLastSequenceErrF */
const wrongLastSequence = 10071;

/** Opened at the first use, and made where it is not there; on each new connection again. */
export class NatsBucket implements Bucket {
  readonly #options: BucketOptions;
  readonly #dependencies: NatsBucketDependencies;
  readonly #watches = new Set<BucketWatch>();
  readonly #stopListening: () => void;
  #opening: Promise<OpenBucket> | null = null;
  #connected = new AbortController();

  constructor(options: BucketOptions, dependencies: NatsBucketDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#stopListening = dependencies.onStatus((isConnected) => {
      this.#connected.abort();
      this.#connected = new AbortController();
      this.#opening = null;
      if (isConnected) for (const watch of this.#watches) watch.wake();
    });
  }

  async get(key: string): Promise<ReadOutcome> {
    try {
      const { view } = await this.#open();
      const entry = await view.get(key);
      if (entry === null || entry.operation !== "PUT") return { kind: "missing" };
      return { kind: "found", entry: { key, value: entry.value, revision: entry.revision } };
    } catch (error) {
      return this.#unavailable(error);
    }
  }

  create(key: string, value: Uint8Array): Promise<WriteOutcome> {
    this.#checkLength(key, value);
    return this.#write(({ view }) => view.create(key, value));
  }

  update(key: string, value: Uint8Array, revision: number): Promise<WriteOutcome> {
    this.#checkLength(key, value);
    return this.#write(({ view }) => view.update(key, value, revision));
  }

  put(key: string, value: Uint8Array): Promise<WriteOutcome> {
    this.#checkLength(key, value);
    return this.#write(({ view }) => view.put(key, value));
  }

  remove(key: string, revision: number | null): Promise<WriteOutcome> {
    return this.#write(async ({ client }) => {
      // As the view's own delete does it, which does not say the revision.
      const head = headers();
      head.set("KV-Operation", "DEL");
      const expect = revision === null ? {} : { expect: { lastSubjectSequence: revision } };
      const subject = `$KV.${this.#options.name}.${key}`;
      return (await client.publish(subject, new Uint8Array(), { headers: head, ...expect })).seq;
    });
  }

  watch(listener: (change: BucketChange) => void): () => void {
    const { log, connection } = this.#dependencies;
    const { name: bucket } = this.#options;
    const isConnected = (): boolean => connection() !== null;
    const open = (): Promise<OpenBucket> => {
      this.#opening = null;
      return this.#open();
    };
    const watch = new BucketWatch({ bucket, open, isConnected, listener, log });
    this.#watches.add(watch);
    return () => {
      this.#watches.delete(watch);
      watch.close();
    };
  }

  close(): void {
    this.#stopListening();
    this.#connected.abort();
    for (const watch of this.#watches) watch.close();
    this.#watches.clear();
  }

  async #write(run: (open: OpenBucket) => Promise<number>): Promise<WriteOutcome> {
    try {
      return { kind: "written", revision: await run(await this.#open()) };
    } catch (error) {
      if (error instanceof NatsError && error.api_error?.err_code === wrongLastSequence) return { kind: "conflict" };
      return this.#unavailable(error);
    }
  }

  #unavailable(error: unknown): Unavailable {
    // Whatever it was, the next call looks again whether the bucket is there.
    this.#opening = null;
    return { kind: "unavailable", reason: error instanceof Error ? error.message : String(error) };
  }

  #open(): Promise<OpenBucket> {
    const connection = this.#dependencies.connection();
    if (connection === null) return Promise.reject(new Error("there is no connection to NATS"));
    this.#opening ??= openBucket(connection, this.#options, this.#connected.signal);
    return this.#opening;
  }

  #checkLength(key: string, value: Uint8Array): void {
    const { name, valueBytesMax = defaultValueBytesMax } = this.#options;
    if (value.length <= valueBytesMax) return;
    const message = `${key} in ${name} would be ${value.length} bytes long; at most ${valueBytesMax} are kept`;
    throw new PomonaError("payload_too_large", message);
  }
}

async function openBucket(connection: NatsConnection, options: BucketOptions, stop: AbortSignal): Promise<OpenBucket> {
  const { name, replicas = 1, valueBytesMax = defaultValueBytesMax } = options;
  const client = connection.jetstream({ timeout: callTimeoutMs });
  const view = await client.views.kv(name, {
    history: 1,
    // Buckets in memory vanish with the server.
    storage: StorageType.File,
    replicas,
    // The server counts headers as well.
    maxValueSize: valueBytesMax + 1024,
    timeout: callTimeoutMs,
  });
  return { view, client, stop };
}
