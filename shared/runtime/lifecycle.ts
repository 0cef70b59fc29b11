import type { Logger } from "./logger.ts";

/** One part of a process: started after those it depends on, stopped before them. */
export type LifecyclePart<Value> = {
  readonly name: string;
  readonly start: () => Promise<Value> | Value;
  readonly stop: (value: Value) => Promise<void> | void;
  /** How long `stop` may take before the next part is stopped anyway. 5,000 ms by default. */
  readonly stopTimeoutMs?: number;
};

type StartedPart = { readonly name: string; readonly stop: () => Promise<void> | void; readonly stopTimeoutMs: number };

const defaultStopTimeoutMs = 5000;

/** Starts parts in order and stops them in reverse, each stop with a deadline. */
export class Lifecycle {
  readonly #log: Logger;
  readonly #started: StartedPart[] = [];
  #stopping: Promise<void> | null = null;

  constructor(dependencies: { readonly log: Logger }) {
    this.#log = dependencies.log;
  }

  /**
   * Starts one part. When it fails, everything started before is stopped, and its error is thrown. A part whose start
   * outlives `stop()` is stopped as soon as it has started.
   */
  async start<Value>(part: LifecyclePart<Value>): Promise<Value> {
    let value: Value;
    try {
      value = await part.start();
    } catch (error) {
      await this.stop();
      throw error;
    }
    const started = {
      name: part.name,
      stop: () => part.stop(value),
      stopTimeoutMs: part.stopTimeoutMs ?? defaultStopTimeoutMs,
    };
    if (this.#stopping === null) this.#started.push(started);
    else await this.#stopPart(started);
    return value;
  }

  /** Stops all parts in reverse order. Never throws: what fails or takes too long is logged. Later calls wait for the first. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #stopAll(): Promise<void> {
    for (let part = this.#started.pop(); part !== undefined; part = this.#started.pop()) await this.#stopPart(part);
  }

  async #stopPart(part: StartedPart): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), part.stopTimeoutMs);
    });
    try {
      const result = await Promise.race([Promise.resolve().then(part.stop), timeout]);
      if (result === "late")
        this.#log.warn({ part: part.name, stopTimeoutMs: part.stopTimeoutMs }, "part did not stop in time");
    } catch (error) {
      this.#log.error({ part: part.name, err: error }, "part failed to stop");
    } finally {
      clearTimeout(timer);
    }
  }
}
