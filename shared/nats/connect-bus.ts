import { type ConnectionOptions, connect, type NatsConnection, type Subscription } from "nats";
import type { Logger } from "../runtime/logger.ts";
import { pause } from "../runtime/pause.ts";
import type { Bucket, BucketOptions } from "./bucket.ts";
import type { Bus } from "./bus.ts";
import { MessageQueue } from "./message-queue.ts";
import { NatsBucket } from "./nats-bucket.ts";

export type ConnectBusOptions = {
  /** `nats://host:port`, one or more of the same cluster. */
  readonly urls: readonly string[];
  /** Shown by the server in its connection list. */
  readonly name: string;
  readonly log: Logger;
  /** Messages of one subscription that may wait for its callback; 1,024 by default. */
  readonly pendingMax?: number;
};

const flushTimeoutMs = 1000;
const firstConnectWaitMs = 250;

// The client's own defaults give up for good after 21 s and notice a dead link after minutes.
const connectionOptions: ConnectionOptions = {
  maxReconnectAttempts: -1,
  reconnectTimeWait: 250,
  reconnectJitter: 100,
  pingInterval: 2000,
  maxPingOut: 2,
  timeout: 2000,
};

/** Returns at once; connects, and goes on trying for as long as it takes, in the background. */
export function connectBus(options: ConnectBusOptions): Bus {
  return new NatsBus(options);
}

type BusSubscription = {
  readonly subject: string;
  readonly queue: MessageQueue;
  /** null while there is no connection. */
  onServer: Subscription | null;
};

class NatsBus implements Bus {
  readonly #options: ConnectBusOptions;
  readonly #subscriptions = new Set<BusSubscription>();
  readonly #listeners = new Set<(isConnected: boolean) => void>();
  readonly #buckets = new Set<NatsBucket>();
  readonly #closing = new AbortController();
  readonly #ended: Promise<void>;
  #connection: NatsConnection | null = null;
  #isConnected = false;

  constructor(options: ConnectBusOptions) {
    this.#options = options;
    this.#ended = this.#run();
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  publish(subject: string, payload: Uint8Array): void {
    if (!this.#isConnected) return;
    try {
      this.#connection?.publish(subject, payload);
    } catch (error) {
      this.#options.log.warn({ subject, bytes: payload.length, err: error }, "message not published");
    }
  }

  subscribe(subject: string, onMessage: (subject: string, payload: Uint8Array) => void): () => void {
    const { log, pendingMax = 1024 } = this.#options;
    const queue = new MessageQueue({
      pendingMax,
      onMessage,
      onError: (thrown) => log.error({ subject, err: thrown }, "message handler failed"),
      onDropped: (count) => log.warn({ subject, count }, "messages dropped because their handler is too slow"),
    });
    const subscription: BusSubscription = { subject, queue, onServer: null };
    this.#subscriptions.add(subscription);
    if (this.#connection !== null) subscribeOn(this.#connection, subscription);
    return () => {
      this.#subscriptions.delete(subscription);
      queue.close();
      if (this.#connection?.isClosed() === false) subscription.onServer?.unsubscribe();
    };
  }

  openBucket(options: BucketOptions): Bucket {
    const bucket = new NatsBucket(options, {
      connection: () => (this.#isConnected ? this.#connection : null),
      onStatus: (listener) => this.onStatus(listener),
      log: this.#options.log,
    });
    this.#buckets.add(bucket);
    return bucket;
  }

  onStatus(listener: (isConnected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    if (!this.#closing.signal.aborted) {
      if (this.#isConnected && this.#connection !== null) await withTimeout(this.#connection.flush(), flushTimeoutMs);
      this.#closing.abort();
      for (const { queue } of this.#subscriptions) queue.close();
      this.#subscriptions.clear();
      for (const bucket of this.#buckets) bucket.close();
      await this.#connection?.close();
    }
    await this.#ended;
  }

  /** Connects again whenever the client library gave a connection up for good. */
  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const connection = await this.#connect();
      if (connection === null) return;
      this.#connection = connection;
      for (const subscription of this.#subscriptions) subscribeOn(connection, subscription);
      this.#setConnected(true);
      // The iterator of the status does not end with its connection.
      await Promise.race([this.#followStatus(connection), connection.closed()]);
      this.#connection = null;
      this.#setConnected(false);
    }
  }

  /** null when the bus was closed before a server answered. */
  async #connect(): Promise<NatsConnection | null> {
    const { urls, name, log } = this.#options;
    const { signal } = this.#closing;
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      try {
        const connection = await connect({ ...connectionOptions, servers: [...urls], name });
        if (!signal.aborted) return connection;
        await connection.close();
      } catch (error) {
        // Said once: it is tried four times a second.
        if (isFirst) log.warn({ urls, reason: messageOf(error) }, "NATS does not answer; trying on");
        await pause(firstConnectWaitMs, signal);
      }
    }
    return null;
  }

  async #followStatus(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type === "disconnect") this.#setConnected(false);
      if (type === "reconnect") this.#setConnected(true);
    }
  }

  #setConnected(isConnected: boolean): void {
    if (this.#isConnected === isConnected) return;
    this.#isConnected = isConnected;
    const isClosing = this.#closing.signal.aborted;
    if (isConnected) this.#options.log.info({ server: this.#connection?.getServer() }, "connected to NATS");
    else if (!isClosing) this.#options.log.warn({ urls: this.#options.urls }, "connection to NATS lost");
    for (const listener of this.#listeners) listener(isConnected);
  }
}

function subscribeOn(connection: NatsConnection, subscription: BusSubscription): void {
  const { subject, queue } = subscription;
  subscription.onServer = connection.subscribe(subject, {
    callback: (error, message) => {
      if (error === null) queue.push({ subject: message.subject, payload: message.data });
    },
  });
}

/** Waits at most `timeoutMs`, whatever becomes of the promise. */
async function withTimeout(promise: Promise<unknown>, timeoutMs: number): Promise<void> {
  const controller = new AbortController();
  const settled = promise.then(
    () => controller.abort(),
    () => controller.abort(),
  );
  await Promise.race([settled, pause(timeoutMs, controller.signal)]);
  controller.abort();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
