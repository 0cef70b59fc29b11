// The attempts that a simulated node holds: the agent's own decisions about them, and the frames that it keeps.
import { tokensFrom } from "@pomona/coordinator/core/attempt-progress";
import {
  type AttemptId,
  endedAttempts,
  type HeldAttemptsEvent,
  isAttachable,
  isOrphaned,
  nextDueMs,
  noHeldAttempts,
  refuseStart,
  stepHeldAttempts,
} from "@pomona/node-agent/core/held-attempts";
import type { Attempt, AttemptFrame, GenerationFailure } from "@pomona/shared/core/generation";
import type { RequestId } from "@pomona/shared/core/ids";
import type { RunningAttempt } from "@pomona/shared/core/node-status";
import { failure } from "./failure.ts";
import type { SimulatedAttempt } from "./simulated-attempt.ts";

/** Where the frames of an attempt go. */
export type AttemptSink = {
  readonly send: (frame: AttemptFrame) => void;
  /** The call is over without an ending. */
  readonly fail: (why: GenerationFailure) => void;
  /** Before any frame, when it is read from its beginning by somebody who does not know it. */
  readonly tell: (attempt: Attempt) => void;
};

/** The reader has gone, with the ending or without. */
export type Leave = (hasEnding: boolean) => void;

export type AttemptsParts = {
  /** By the node's own clock. */
  readonly nowMs: () => number;
  /** Calls back after milliseconds of that clock, unless the process is gone by then. */
  readonly after: (ms: number, run: () => void) => void;
  /** Makes an attempt that is to begin, or says why it may not. */
  readonly make: (attempt: Attempt, onFrame: (frame: AttemptFrame) => void) => SimulatedAttempt | GenerationFailure;
};

type Reader = { readonly fromIndex: number; readonly sink: AttemptSink };

class Held {
  readonly attempt: Attempt;
  readonly frames: AttemptFrame[] = [];
  readonly readers = new Set<Reader>();
  readonly whenEnded: (() => void)[] = [];
  running: SimulatedAttempt | null = null;

  constructor(attempt: Attempt) {
    this.attempt = attempt;
  }
}

export class SimulatedAttempts {
  readonly #parts: AttemptsParts;
  readonly #state = noHeldAttempts();
  readonly #held = new Map<RequestId, Held>();
  #timerAtMs: number | null = null;

  constructor(parts: AttemptsParts) {
    this.#parts = parts;
  }

  get ended(): RunningAttempt[] {
    return endedAttempts(this.#state);
  }

  isOrphaned(requestId: RequestId, epoch: number): boolean {
    return isOrphaned(this.#state, { requestId, epoch });
  }

  /** Whether somebody could go on with it. */
  isKept(id: AttemptId): boolean {
    return isAttachable(this.#state, id);
  }

  /** An older attempt of the request ends first. */
  start(attempt: Attempt, sink: AttemptSink): Leave {
    const { requestId, epoch } = attempt;
    if (refuseStart(this.#state, attempt) !== null) {
      sink.fail(failure("failed_precondition", false));
      return () => undefined;
    }
    this.#take({ kind: "claimed", requestId, epoch });
    let leave: Leave | null = null;
    let hasLeft = false;
    const begin = (): void => {
      if (hasLeft) return;
      if (this.#state.claims.get(requestId) === epoch) leave = this.#begin(attempt, sink);
      else sink.fail(failure("failed_precondition", false));
      this.#take({ kind: "claimLeft", requestId, epoch });
    };
    const older = this.#held.get(requestId);
    if (older === undefined) begin();
    else older.whenEnded.push(begin);
    return (hasEnding) => {
      hasLeft = true;
      if (leave === null) this.#take({ kind: "claimLeft", requestId, epoch });
      else leave(hasEnding);
    };
  }

  /** Begins with every kept frame from a token index on. */
  attach(id: AttemptId, fromIndex: number, sink: AttemptSink): Leave {
    const held = this.#held.get(id.requestId);
    if (held === undefined || !isAttachable(this.#state, id)) {
      sink.fail(failure("not_found", false));
      return () => undefined;
    }
    this.#take({ kind: "readerCame", requestId: id.requestId, epoch: id.epoch });
    if (fromIndex === 0) sink.tell(held.attempt);
    return this.#read(held, { fromIndex, sink });
  }

  cancel({ requestId, epoch }: AttemptId): void {
    this.#take({ kind: "cancelAsked", requestId, epoch });
  }

  /** Ends whatever is not named. */
  keep(live: readonly AttemptId[]): void {
    this.#take({ kind: "keepAsked", live });
  }

  #begin(attempt: Attempt, sink: AttemptSink): Leave | null {
    const { requestId, epoch, orphanMs } = attempt;
    const held = new Held(attempt);
    const made = this.#parts.make(attempt, (frame) => this.#takeFrame(held, frame));
    if ("code" in made) {
      sink.fail(made);
      return null;
    }
    held.running = made;
    this.#held.set(requestId, held);
    this.#take({ kind: "started", requestId, epoch, orphanMs });
    const leave = this.#read(held, { fromIndex: 0, sink });
    made.begin();
    return leave;
  }

  #read(held: Held, reader: Reader): Leave {
    held.readers.add(reader);
    for (const frame of held.frames) send(reader, frame);
    return (hasEnding) => {
      const { requestId, epoch } = held.attempt;
      const isHere = held.readers.delete(reader) && this.#held.get(requestId) === held;
      if (isHere) this.#take({ kind: "readerLeft", requestId, epoch, hasEnding });
    };
  }

  #takeFrame(held: Held, frame: AttemptFrame): void {
    held.frames.push(frame);
    for (const reader of held.readers) send(reader, frame);
    if (frame.kind !== "ending") return;
    const { requestId, epoch } = held.attempt;
    if (this.#held.get(requestId) === held)
      this.#take({ kind: "ended", requestId, epoch, tokens: frame.ending.usage.generatedTokens });
    for (const run of held.whenEnded.splice(0)) run();
  }

  #take(event: HeldAttemptsEvent): void {
    for (const effect of stepHeldAttempts(this.#state, event, this.#parts.nowMs())) {
      const held = this.#held.get(effect.requestId);
      if (effect.kind === "endInEngine") {
        held?.running?.cancel();
        continue;
      }
      this.#held.delete(effect.requestId);
      if (effect.cutsReaders) for (const { sink } of held?.readers ?? []) sink.fail(failure("not_found", false));
    }
    this.#setTimer();
  }

  #setTimer(): void {
    const dueMs = nextDueMs(this.#state);
    if (dueMs === null || (this.#timerAtMs !== null && this.#timerAtMs <= dueMs)) return;
    this.#timerAtMs = dueMs;
    this.#parts.after(Math.max(1, dueMs - this.#parts.nowMs()), () => {
      this.#timerAtMs = null;
      this.#take({ kind: "timePassed" });
    });
  }
}

/** What lies at or after the index from which it is read. */
function send({ fromIndex, sink }: Reader, frame: AttemptFrame): void {
  const part = frame.kind === "tokens" ? tokensFrom(frame, fromIndex) : frame;
  if (part !== null) sink.send(part);
}
