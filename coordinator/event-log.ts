// The last announcements in sentences, for whoever watches: the log itself is every watcher's queue.
import { announcementText, nodeOf } from "./announcement-text.ts";
import type { Announcement } from "./core/effect.ts";

export type LoggedEvent = {
  /** Counts the events since the start of this coordinator, from 1. */
  readonly number: number;
  readonly atMs: number;
  readonly kind: Announcement["kind"];
  /** Empty for none. */
  readonly nodeId: string;
  readonly model: string;
  readonly text: string;
};

/** Where to begin: after the event of this number, or with this many of the last ones. */
export type EventStart = { readonly after: number } | { readonly recent: number };

const eventsMax = 1000;

/** Keeps the last 1,000. */
export class EventLog {
  readonly #events: LoggedEvent[] = [];
  #count = 0;
  #waiting: (() => void)[] = [];
  #isClosed = false;

  /** `atMs` is of the wall clock. */
  add(announcement: Announcement, atMs: number): void {
    this.#count += 1;
    const model = "model" in announcement ? announcement.model : "";
    const nodeId = nodeOf(announcement);
    const { kind } = announcement;
    this.#events.push({ number: this.#count, atMs, kind, nodeId, model, text: announcementText(announcement) });
    if (this.#events.length > eventsMax) this.#events.shift();
    this.#wake();
  }

  /** Nothing happens here any more: whoever follows has come to the end. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  /**
   * Each event from there on until the signal aborts, or the log is closed. A reader that is slower than 1,000 events misses the oldest. A
   * number of an earlier start of the coordinator means from the beginning.
   */
  async *follow(start: EventStart, signal: AbortSignal): AsyncGenerator<LoggedEvent> {
    let last = "after" in start ? start.after : Math.max(0, this.#count - start.recent);
    if (last > this.#count) last = 0;
    while (!signal.aborted) {
      const next = this.#events[Math.max(0, last - this.#count + this.#events.length)];
      if (next === undefined) {
        if (this.#isClosed) return;
        await this.#another(signal);
      } else {
        last = next.number;
        yield next;
      }
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  #another(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener("abort", done);
        resolve();
      };
      signal.addEventListener("abort", done, { once: true });
      this.#waiting.push(done);
    });
  }
}
