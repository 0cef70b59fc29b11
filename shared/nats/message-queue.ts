/** Messages of one subscription between the socket and its callback. */
export type QueuedMessage = { readonly subject: string; readonly payload: Uint8Array };

export type MessageQueueDependencies = {
  /** At most this many wait; the oldest are dropped. */
  readonly pendingMax: number;
  readonly onMessage: (subject: string, payload: Uint8Array) => void;
  /** Called with what was thrown by `onMessage`; the queue goes on. */
  readonly onError: (thrown: unknown) => void;
  /** Called after messages were dropped, with how many since the last call. */
  readonly onDropped: (count: number) => void;
};

// A callback that takes long must leave the event loop time to read the socket, or the server cuts the connection.
const batchMs = 10;

/** Keeps the newest messages for a slow callback, and hands them over in turns of about 10 ms. */
export class MessageQueue {
  readonly #dependencies: MessageQueueDependencies;
  #messages: QueuedMessage[] = [];
  #dropped = 0;
  #isScheduled = false;
  #isClosed = false;

  constructor(dependencies: MessageQueueDependencies) {
    this.#dependencies = dependencies;
  }

  push(message: QueuedMessage): void {
    if (this.#isClosed) return;
    this.#messages.push(message);
    // Trimmed at twice the limit, so that shifting costs O(1) a message.
    if (this.#messages.length >= 2 * this.#dependencies.pendingMax) this.#trim();
    this.#schedule();
  }

  /** Forgets what waits; no callback comes after this. */
  close(): void {
    this.#isClosed = true;
    this.#messages = [];
  }

  #trim(): void {
    const excess = this.#messages.length - this.#dependencies.pendingMax;
    if (excess <= 0) return;
    this.#dropped += excess;
    this.#messages = this.#messages.slice(excess);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#deliver());
  }

  #deliver(): void {
    this.#isScheduled = false;
    this.#trim();
    if (this.#dropped > 0) this.#dependencies.onDropped(this.#dropped);
    this.#dropped = 0;
    const batch = this.#messages;
    const until = performance.now() + batchMs;
    let next = 0;
    for (; next < batch.length && performance.now() < until && !this.#isClosed; next += 1) this.#handOver(batch[next]);
    if (this.#isClosed) return;
    // The callback may have pushed to the same array: what was not handed over stays.
    this.#messages = this.#messages.slice(next);
    if (this.#messages.length > 0) this.#schedule();
  }

  #handOver(message: QueuedMessage | undefined): void {
    if (message === undefined) return;
    try {
      this.#dependencies.onMessage(message.subject, message.payload);
    } catch (thrown) {
      this.#dependencies.onError(thrown);
    }
  }
}
