// Attempts that go on although nobody wants them any more: a slot that a cancellation should have freed.
import type { SimulatedPool } from "./simulated-pool.ts";

/** Looks at which an attempt may be found in a row; more is no longer a cancellation on its way. */
const looksMax = 2;
/** The same for what an earlier coordinator has left: its node notices within four seconds, and says so to this one. */
const leftLooksMax = 16;

export class OrphanWatch {
  readonly #pool: SimulatedPool;
  readonly #complain: (problem: string) => void;
  #seen = new Map<string, number>();

  constructor(pool: SimulatedPool, complain: (problem: string) => void) {
    this.#pool = pool;
    this.#complain = complain;
  }

  /** To be called every 500 ms; true for as long as there is a pool. */
  readonly look = (): boolean => {
    const seen = new Map<string, number>();
    for (const { orphan, isLeft } of this.#orphans()) {
      const looks = (this.#seen.get(orphan) ?? 0) + 1;
      seen.set(orphan, looks);
      if (looks > (isLeft ? leftLooksMax : looksMax))
        this.#complain(`attempt ${orphan} runs on although nobody wants it`);
    }
    this.#seen = seen;
    return true;
  };

  *#orphans(): Generator<{ readonly orphan: string; readonly isLeft: boolean }> {
    const { coordinator, ledger } = this.#pool;
    if (coordinator === null || !this.#pool.isWell) return;
    for (const process of this.#pool.processes) {
      const { nodeId } = process.machine;
      // It is told which attempts go on when its link is up again.
      if (coordinator.state.members.get(nodeId)?.isLinkUp !== true) continue;
      for (const attempt of process.running) {
        const { requestId } = attempt;
        if (coordinator.wants(attempt) || ledger.isLeft(requestId)) continue;
        const isLeft = coordinator.session(requestId) === undefined;
        yield { orphan: `${requestId}/${attempt.epoch} on ${nodeId}`, isLeft };
      }
    }
  }
}
