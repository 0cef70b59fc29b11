import type { VirtualTime } from "../virtual-time.ts";

/** The GPU of one machine: steps of its replicas run one after another, in the order in which they were asked for. */
export class Device {
  readonly #time: VirtualTime;
  #freeAtMs = 0;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  /** Calls back when the step is over, after those that are before it. */
  run(seconds: number, done: () => void): void {
    const { nowMs } = this.#time;
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + 1000 * seconds;
    this.#time.after(this.#freeAtMs - nowMs, done);
  }
}
