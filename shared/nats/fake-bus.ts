import type { Bucket, BucketOptions } from "./bucket.ts";
import type { Bus } from "./bus.ts";
import { FakeBucket, type FakeStore } from "./fake-bucket.ts";
import { MessageQueue } from "./message-queue.ts";

type FakeSubscription = { readonly subject: string; readonly queue: MessageQueue };

/** An in-memory NATS server for tests, with outages on demand. */
export class FakeNats {
  readonly #buses = new Set<FakeBus>();
  readonly #stores = new Map<string, FakeStore>();
  #isUp = true;
  #storesMade = 0;

  connect(options: { readonly pendingMax?: number } = {}): Bus {
    const bus = new FakeBus(this, options.pendingMax ?? 1024);
    this.#buses.add(bus);
    return bus;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  stop(): void {
    this.#isUp = false;
    for (const bus of this.#buses) bus.tellStatus();
  }

  start(): void {
    this.#isUp = true;
    for (const bus of this.#buses) bus.tellStatus();
  }

  /** Starts as `start` does, after all buckets were lost. */
  startEmpty(): void {
    this.#stores.clear();
    this.start();
  }

  store(name: string): FakeStore {
    const store = this.#stores.get(name);
    if (store !== undefined) return store;
    this.#storesMade += 1;
    const made = {
      bucketId: `made ${this.#storesMade}`,
      revision: 0,
      kept: new Map(),
      watches: new Set(),
    } satisfies FakeStore;
    this.#stores.set(name, made);
    return made;
  }

  deliver(subject: string, payload: Uint8Array): void {
    if (!this.#isUp) return;
    for (const bus of this.#buses) bus.receive(subject, payload);
  }

  forget(bus: FakeBus): void {
    this.#buses.delete(bus);
  }
}

class FakeBus implements Bus {
  readonly #server: FakeNats;
  readonly #pendingMax: number;
  readonly #subscriptions = new Set<FakeSubscription>();
  readonly #listeners = new Set<(isConnected: boolean) => void>();
  #isClosed = false;

  constructor(server: FakeNats, pendingMax: number) {
    this.#server = server;
    this.#pendingMax = pendingMax;
  }

  get isConnected(): boolean {
    return this.#server.isUp && !this.#isClosed;
  }

  publish(subject: string, payload: Uint8Array): void {
    if (this.isConnected) this.#server.deliver(subject, payload.slice());
  }

  subscribe(subject: string, onMessage: (subject: string, payload: Uint8Array) => void): () => void {
    const queue = new MessageQueue({ pendingMax: this.#pendingMax, onMessage, onError: () => {}, onDropped: () => {} });
    const subscription = { subject, queue };
    this.#subscriptions.add(subscription);
    return () => {
      this.#subscriptions.delete(subscription);
      queue.close();
    };
  }

  openBucket(options: BucketOptions): Bucket {
    const store = (): FakeStore | null => (this.isConnected ? this.#server.store(options.name) : null);
    return new FakeBucket(options, { store, onStatus: (listener) => this.onStatus(listener) });
  }

  onStatus(listener: (isConnected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.#isClosed = true;
    for (const { queue } of this.#subscriptions) queue.close();
    this.#subscriptions.clear();
    this.#server.forget(this);
    this.tellStatus();
    return Promise.resolve();
  }

  receive(subject: string, payload: Uint8Array): void {
    for (const subscription of this.#subscriptions)
      if (matches(subscription.subject, subject)) subscription.queue.push({ subject, payload });
  }

  tellStatus(): void {
    for (const listener of this.#listeners) listener(this.isConnected);
  }
}

/** NATS subjects: `*` stands for one token, `>` for the rest. */
function matches(pattern: string, subject: string): boolean {
  const wanted = pattern.split(".");
  const tokens = subject.split(".");
  for (const [index, want] of wanted.entries()) {
    const token = tokens[index];
    if (token === undefined) return false;
    if (want === ">") return true;
    if (want !== "*" && want !== token) return false;
  }
  return wanted.length === tokens.length;
}
