// The attempts on a node's replicas: started, read, attached, and ended when nobody wants them any more.
import { PomonaError, toPomonaError } from "@pomona/shared/core/errors";
import { type Attempt, type AttemptFrame, errorOf, type GenerationFailure } from "@pomona/shared/core/generation";
import type { ReplicaId, RequestId } from "@pomona/shared/core/ids";
import type { RunningAttempt } from "@pomona/shared/core/node-status";
import type { Clock } from "@pomona/shared/runtime/clock";
import type { Logger } from "@pomona/shared/runtime/logger";
import { AttemptLog } from "./attempt-log.ts";
import {
  type AttemptId,
  endedAttempts,
  type HeldAttemptsEffect,
  type HeldAttemptsEvent,
  holdsSlots,
  isAttachable,
  isOrphaned,
  keptOf,
  nextDueMs,
  noHeldAttempts,
  refuseStart,
  stepHeldAttempts,
} from "./core/held-attempts.ts";
import type { EngineReplica } from "./engine/engine.ts";
import type { AttemptReader, AttemptsPort } from "./node-port.ts";

const failuresMax = 256;

export type RunningAttemptsParts = {
  readonly clock: Clock;
  readonly log: Logger;
  /** @throws PomonaError `not_found` when there is no such replica, or it is not ready. */
  readonly engine: (replicaId: ReplicaId) => EngineReplica;
  /** The engine has given it a slot. */
  readonly onStart: (attempt: Attempt) => void;
  /** The slot is free after the ending. */
  readonly onFrame: (attempt: Attempt, frame: AttemptFrame) => void;
};

type Held = { readonly frames: AttemptLog; readonly engine: EngineReplica };

type Executors = {
  readonly [Kind in HeldAttemptsEffect["kind"]]: (effect: Extract<HeldAttemptsEffect, { kind: Kind }>) => void;
};

export class RunningAttempts implements AttemptsPort {
  readonly #parts: RunningAttemptsParts;
  readonly #state = noHeldAttempts();
  readonly #held = new Map<RequestId, Held>();
  /** How attempts failed, also when they are released: who lost its connection at that moment has not seen it. */
  readonly #failures = new Map<RequestId, { readonly epoch: number; readonly failure: GenerationFailure }>();
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(parts: RunningAttemptsParts) {
    this.#parts = parts;
  }

  /** Whether something is generated now. */
  get isBusy(): boolean {
    return holdsSlots(this.#state);
  }

  isOrphaned(requestId: RequestId, epoch: number): boolean {
    return isOrphaned(this.#state, { requestId, epoch });
  }

  /** The replica that an attempt was given to. @throws PomonaError `not_found`. */
  replicaOf({ requestId, epoch }: AttemptId): ReplicaId {
    const attempt = this.#held.get(requestId)?.frames.attempt;
    if (attempt?.epoch === epoch) return attempt.replicaId;
    throw new PomonaError("not_found", `request ${requestId} epoch ${epoch} is not here`);
  }

  /** Those that can be attached, and hold no slot. */
  ended(): RunningAttempt[] {
    return endedAttempts(this.#state);
  }

  /** An older attempt of the request ends first, and leaves its slot with all that it holds of the prompt. */
  async start(attempt: Attempt, signal: AbortSignal): Promise<AttemptReader> {
    const { requestId, epoch, replicaId, orphanMs } = attempt;
    this.#parts.engine(replicaId);
    const refusal = refuseStart(this.#state, attempt);
    if (refusal !== null) throw new PomonaError("failed_precondition", refusal);
    try {
      this.#take({ kind: "claimed", requestId, epoch });
      const older = this.#held.get(requestId)?.frames;
      if (older !== undefined) await this.#untilEnded(older, attempt, signal);
      const engine = this.#parts.engine(replicaId);
      const frames = new AttemptLog(attempt);
      engine.generate(attempt, (frame) => this.#takeFrame(frames, frame));
      this.#held.set(requestId, { frames, engine });
      this.#take({ kind: "started", requestId, epoch, orphanMs });
      this.#parts.onStart(attempt);
      return this.#reader(frames, 0, signal);
    } finally {
      this.#take({ kind: "claimLeft", requestId, epoch });
    }
  }

  /** @throws PomonaError `cancelled`; `failed_precondition` when its place was taken or given up meanwhile. */
  async #untilEnded(older: AttemptLog, { requestId, epoch }: AttemptId, signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.race([older.ended, aborted]);
    if (signal.aborted) throw toPomonaError(signal.reason);
    if (this.#state.claims.get(requestId) === epoch) return;
    throw new PomonaError("failed_precondition", `request ${requestId} epoch ${epoch} was ended before it began`);
  }

  attach({ requestId, epoch }: AttemptId, fromIndex: number, signal: AbortSignal): AttemptReader {
    const frames = this.#held.get(requestId)?.frames;
    if (frames === undefined || !isAttachable(this.#state, { requestId, epoch })) {
      const failed = this.#failures.get(requestId);
      if (failed?.epoch === epoch) throw errorOf(failed.failure);
      throw new PomonaError("not_found", `request ${requestId} epoch ${epoch} is not here`);
    }
    this.#take({ kind: "readerCame", requestId, epoch });
    return this.#reader(frames, fromIndex, signal);
  }

  cancel({ requestId, epoch }: AttemptId): void {
    this.#take({ kind: "cancelAsked", requestId, epoch });
  }

  keep(live: readonly AttemptId[]): RunningAttempt[] {
    this.#take({ kind: "keepAsked", live });
    const kept = keptOf(this.#state, live);
    this.#parts.log.info({ live: live.length, kept: kept.length }, "a coordinator has said which attempts go on");
    return kept;
  }

  /** Nothing is ended for want of readers any more. */
  close(): void {
    this.#isClosed = true;
    this.#setTimer();
  }

  #reader(frames: AttemptLog, fromIndex: number, signal: AbortSignal): AttemptReader {
    const { requestId, epoch, orphanMs } = frames.attempt;
    const reader = frames.open(fromIndex, (hasEnding) => {
      // Released meanwhile; what has its name by now is another one.
      if (this.#held.get(requestId)?.frames !== frames) return;
      this.#take({ kind: "readerLeft", requestId, epoch, hasEnding });
      if (orphanMs > 0 && this.isOrphaned(requestId, epoch))
        this.#parts.log.info({ requestId, epoch, orphanMs }, "attempt is kept although nobody reads it");
    });
    signal.addEventListener("abort", () => reader.wake(), { once: true });
    return reader;
  }

  #takeFrame(frames: AttemptLog, frame: AttemptFrame): void {
    const { requestId, epoch } = frames.attempt;
    this.#parts.onFrame(frames.attempt, frame);
    frames.push(frame);
    if (frame.kind !== "ending") return;
    this.#noteFailure({ requestId, epoch }, frame.ending.failure);
    this.#take({ kind: "ended", requestId, epoch, tokens: frames.tokens });
  }

  #noteFailure({ requestId, epoch }: AttemptId, failure: GenerationFailure | null): void {
    this.#failures.delete(requestId);
    if (failure !== null) this.#failures.set(requestId, { epoch, failure });
    const [oldest] = this.#failures.keys();
    if (oldest !== undefined && this.#failures.size > failuresMax) this.#failures.delete(oldest);
  }

  #take(event: HeldAttemptsEvent): void {
    for (const effect of stepHeldAttempts(this.#state, event, this.#parts.clock.nowMs())) {
      // The table is total over kinds; the compiler cannot see that this entry takes this effect.
      const executor = this.#executors[effect.kind] as (effect: HeldAttemptsEffect) => void;
      executor(effect);
    }
    this.#setTimer();
  }

  readonly #executors: Executors = {
    endInEngine: ({ requestId, epoch }) => this.#held.get(requestId)?.engine.cancel(requestId, epoch),
    release: ({ requestId, cutsReaders }) => {
      if (cutsReaders) this.#held.get(requestId)?.frames.cut();
      this.#held.delete(requestId);
    },
  };

  #setTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const dueMs = this.#isClosed ? null : nextDueMs(this.#state);
    const waitMs = dueMs === null ? null : Math.max(0, Math.ceil(dueMs - this.#parts.clock.nowMs()));
    this.#timer = waitMs === null ? null : setTimeout(() => this.#take({ kind: "timePassed" }), waitMs).unref();
  }
}
