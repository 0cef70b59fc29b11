// Requests that stand still although somebody could go on with them, looked for all the while.
import { readyReplicas } from "@pomona/coordinator/core/views";
import type { Entry } from "./request-ledger.ts";
import type { SimulatedPool } from "./simulated-pool.ts";

const lookMs = 500;
/** A request whose model is to be had gets something in so long, or others of its model do. */
const standstillMs = 10_000;
/** Looks at which all may be at rest and a node still hold what the coordinator before has left there. */
const leftLooksMax = 10;
/** Nodes keep for so long what nobody reads. */
const keptMs = 30_000;

export class ClientWatch {
  readonly #pool: SimulatedPool;
  readonly #complain: (problem: string) => void;
  /** When each open request could last not be answered. */
  readonly #excusedAtMs = new Map<string, number>();
  readonly #leftLooks = new Map<string, number>();

  constructor(pool: SimulatedPool, complain: (problem: string) => void) {
    this.#pool = pool;
    this.#complain = complain;
  }

  begin(): void {
    this.#pool.time.every(lookMs, () => {
      for (const entry of this.#pool.ledger.open) {
        if (entry.session !== null) this.#lookAfterProgress(entry);
        else if (entry.left !== null) this.#lookAfterLeft(entry, entry.left);
      }
      return true;
    });
  }

  #lookAfterProgress({ requestId, model, lastFrameAtMs, session }: Readonly<Entry>): void {
    const { time, ledger, coordinator } = this.#pool;
    const record = coordinator?.state.requests.get(requestId);
    const isHeld = coordinator === null || record === undefined || !this.#pool.isWell;
    if (isHeld || coordinator.session(requestId) !== session || readyReplicas(coordinator.state, model).length === 0) {
      this.#excusedAtMs.set(requestId, time.nowMs);
      return;
    }
    // One that waits moves up when others of its model go on.
    const { place } = record;
    const isQueued = place.kind === "queued";
    const servedAtMs = isQueued ? (ledger.servedAtMs.get(model) ?? 0) : Math.max(place.boundAtMs, lastFrameAtMs);
    const excusedAtMs = this.#excusedAtMs.get(requestId) ?? time.nowMs;
    this.#excusedAtMs.set(requestId, excusedAtMs);
    if (time.nowMs - Math.max(servedAtMs, excusedAtMs) < standstillMs) return;
    this.#complain(`request ${requestId} of ${model} is ${place.kind} and stands still although nodes are ready`);
  }

  /** What its node has lost is lost; what the node still holds, the next coordinator goes on with. */
  #lookAfterLeft({ requestId, deadlineMs }: Readonly<Entry>, left: NonNullable<Entry["left"]>): void {
    const { coordinator, processes, ledger, time } = this.#pool;
    const { nodeId, incarnation, epoch } = left;
    const process = processes.find(({ machine }) => machine.nodeId === nodeId);
    const isGone = process === undefined || process.incarnation !== incarnation || process.isDead;
    if (coordinator === null) return;
    const isLinked = coordinator.state.members.get(nodeId)?.isLinkUp === true;
    if (!isGone && (!isLinked || !this.#pool.isWell)) {
      this.#leftLooks.delete(requestId);
      return;
    }
    const looks = (this.#leftLooks.get(requestId) ?? 0) + 1;
    this.#leftLooks.set(requestId, looks);
    if (looks < leftLooksMax) return;
    ledger.abandon(requestId, "lost");
    // One whose time was over ended at its coordinator, though nobody could tell its client.
    const isHeld = left.isHeld && time.nowMs < Math.min(left.atMs + keptMs, deadlineMs);
    if (!isGone && (isHeld || process.attempts.isKept({ requestId, epoch })))
      this.#complain(`request ${requestId} was left with node ${nodeId}, and nobody goes on with it`);
  }
}
