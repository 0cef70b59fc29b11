// Who may keep the process next, for a large body or a grammar: one at a time, clients in turn, and after each as much time for
// everything else. Twenty of them at once would else keep it for as long as all of them take, and links to nodes are given up
// after 0.8 s.
import { setImmediate as afterThis, setTimeout as sleep } from "node:timers/promises";
import type { TenantId } from "@pomona/shared/core/ids";

export class LoopTurns {
  /** Whoever waits, by whose it is; the next one first. */
  readonly #waiting = new Map<TenantId, (() => void)[]>();
  #isRunning = false;

  /** Resolves when it is this one's turn: what is done at once after that is its turn. */
  async next(tenant: TenantId): Promise<void> {
    const turn = new Promise<void>((resolve) => {
      const own = this.#waiting.get(tenant) ?? [];
      own.push(resolve);
      this.#waiting.set(tenant, own);
    });
    if (!this.#isRunning) void this.#run();
    await turn;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let begin = this.#takeNext(); begin !== null; begin = this.#takeNext()) {
      const beganAtMs = performance.now();
      begin();
      await afterThis();
      await sleep(performance.now() - beganAtMs);
    }
    this.#isRunning = false;
  }

  #takeNext(): (() => void) | null {
    const [first] = this.#waiting;
    if (first === undefined) return null;
    const [tenant, own] = first;
    const next = own.shift();
    // The others come before this client's next one.
    this.#waiting.delete(tenant);
    if (own.length > 0) this.#waiting.set(tenant, own);
    return next ?? null;
  }
}
