// One direction of a connection.
import type { VirtualTime } from "./virtual-time.ts";

const retransmitMs = 20;

/** Everything arrives in order, after a delay, and waits while nothing gets through. */
export class Pipe {
  readonly #time: VirtualTime;
  readonly #delayMs: () => number;
  readonly #isBlocked: () => boolean;
  readonly #waiting: (() => void)[] = [];
  #arrivesAtMs = 0;
  isOpen = true;

  constructor(time: VirtualTime, delayMs: () => number, isBlocked: () => boolean) {
    this.#time = time;
    this.#delayMs = delayMs;
    this.#isBlocked = isBlocked;
  }

  send(take: () => void): void {
    const { nowMs } = this.#time;
    this.#arrivesAtMs = Math.max(this.#arrivesAtMs, nowMs + this.#delayMs());
    this.#time.after(this.#arrivesAtMs - nowMs, () => {
      this.#waiting.push(take);
      if (this.#waiting.length === 1) this.#drain();
    });
  }

  #drain(): void {
    while (this.isOpen && !this.#isBlocked()) {
      const take = this.#waiting[0];
      if (take === undefined) return;
      take();
      this.#waiting.shift();
    }
    if (this.isOpen) this.#time.after(retransmitMs, () => this.#drain());
  }
}
