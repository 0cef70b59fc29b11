import type { VirtualTime } from "../virtual-time.ts";

/** The GPU of one machine: steps of its replicas run one after another, in the order in which they were asked for. */
export class Device {
  readonly #time: VirtualTime;
  readonly #pausedForMs: () => number;
  #freeAtMs = 0;

  /** @param pausedForMs milliseconds for which the machine does nothing from now on; 0 when it runs. */
  constructor(time: VirtualTime, pausedForMs: () => number = () => 0) {
    this.#time = time;
    this.#pausedForMs = pausedForMs;
  }

  /** Calls back when the step is over, after those that are before it. */
  run(seconds: number, done: () => void): void {
    const { nowMs } = this.#time;
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + 1000 * seconds;
    const finish = (): void => {
      const pausedForMs = this.#pausedForMs();
      if (pausedForMs === 0) done();
      else this.#time.after(pausedForMs, finish);
    };
    this.#time.after(this.#freeAtMs - nowMs, finish);
  }
}
