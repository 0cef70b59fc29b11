// A replica of a model that can be asked now: waits for one while one may come.
import { type ErrorCode, type LoadingOutlook, PomonaError } from "@pomona/shared/core/errors";
import type { ModelName, ReplicaId } from "@pomona/shared/core/ids";
import type { Clock } from "@pomona/shared/runtime/clock";

/** `deadlineMs` is of the dependencies' clock. */
export type WaitLimits = {
  readonly deadlineMs: number;
  /** Longest wait for a replica. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
  /** Told every other second how far the model is while it waits for it. */
  readonly onLoading?: (outlook: LoadingOutlook) => void;
};

export type AwaitedReplicasDependencies = {
  readonly clock: Clock;
  /** Why the pool takes no request for a model now, else null. */
  readonly refusal: (model: ModelName) => PomonaError | null;
  /** How far a model is that has no ready replica, and when a client may ask again. */
  readonly loading: (model: ModelName) => { readonly outlook: LoadingOutlook; readonly retryAfterMs: number };
  /** A request begins to wait for a replica. Returns what to call when it does not wait any more. */
  readonly startWaiting: (model: ModelName, limits: WaitLimits) => () => void;
  /** Resolves when the pool may have changed. */
  readonly changed: () => Promise<void>;
};

export class AwaitedReplicas {
  readonly #dependencies: AwaitedReplicasDependencies;

  constructor(dependencies: AwaitedReplicasDependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * What `choose` finds, as soon as it finds anything. It is told whether it was waited already: what failed may then be
   * tried again.
   * @throws PomonaError the refusal; `model_not_ready` when the time is over first; the signal's reason.
   */
  async find<Found>(
    model: ModelName,
    limits: WaitLimits,
    choose: (hasWaited: boolean) => Found | null,
  ): Promise<Found> {
    const { clock, changed, startWaiting } = this.#dependencies;
    const deadlineMs = Math.min(limits.deadlineMs, clock.nowMs() + limits.patienceMs);
    let stopWaiting: (() => void) | null = null;
    try {
      for (;;) {
        this.check(model, { ...limits, deadlineMs });
        const found = choose(stopWaiting !== null);
        if (found !== null) return found;
        stopWaiting ??= startWaiting(model, limits);
        await changed();
      }
    } finally {
      stopWaiting?.();
    }
  }

  /** @throws PomonaError as `find`. */
  check(model: ModelName, { deadlineMs, signal }: WaitLimits): void {
    signal.throwIfAborted();
    const refusal = this.#dependencies.refusal(model);
    if (refusal !== null) throw refusal;
    if (this.#dependencies.clock.nowMs() < deadlineMs) return;
    const { outlook, retryAfterMs } = this.#dependencies.loading(model);
    const message = `model ${model} had no ready replica when the time was over: it is ${outlook.state}`;
    throw new PomonaError("model_not_ready", message, { retryAfterMs, loading: outlook });
  }
}

/** Codes that say something about the node or its replica, not about the prompt: another one may do it. */
const nodeCodes: ReadonlySet<ErrorCode> = new Set([
  "node_lost",
  "not_found",
  "failed_precondition",
  "engine_crashed",
  "slots_full",
  "shutting_down",
]);

/** Replicas that are asked before a request is given up, and those that may crash at it. */
const triesMax = 3;
const crashesMax = 2;

/** Where a request was tried without success. */
export class Tries {
  readonly #failed = new Set<ReplicaId>();
  #crashes = 0;
  count = 0;

  /** Those worth asking: what failed is asked again only when there is no other after the next change of the pool. */
  among<Replica extends Asked>(ready: readonly Replica[], hasWaited: boolean): readonly Replica[] {
    const fresh = this.untried(ready);
    return fresh.length === 0 && hasWaited ? ready : fresh;
  }

  untried<Replica extends Asked>(ready: readonly Replica[]): readonly Replica[] {
    return ready.filter(({ replicaId }) => !this.#failed.has(replicaId));
  }

  /** Notes how asking a replica failed. Returns whether another one is worth asking. */
  isWorthAnother({ replicaId }: Asked, code: ErrorCode, otherNodeCode?: ErrorCode): boolean {
    this.count += 1;
    if (code === "engine_crashed") this.#crashes += 1;
    this.#failed.add(replicaId);
    if (this.count >= triesMax || this.#crashes >= crashesMax) return false;
    return nodeCodes.has(code) || code === otherNodeCode;
  }
}

type Asked = { readonly replicaId: ReplicaId };
