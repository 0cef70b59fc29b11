// The coordinator's attempts on one node: what `coordinator/grpc/attempt-calls.ts` does, on virtual time.
import { attachPatienceMs, patienceLeftMs } from "@pomona/coordinator/core/attach-patience";
import { type AttemptProgress, noteFrame, progressFrom } from "@pomona/coordinator/core/attempt-progress";
import type { EffectOf } from "@pomona/coordinator/core/effect";
import type { ClusterEvent } from "@pomona/coordinator/core/event";
import type { Attempt, AttemptFrame, GenerationFailure } from "@pomona/shared/core/generation";
import type { RequestId } from "@pomona/shared/core/ids";
import { failure } from "./failure.ts";
import type { AttemptSink, Leave } from "./simulated-attempts.ts";
import type { SimulatedNode } from "./simulated-node.ts";

/** What comes over a stream. */
export type StreamEvents = {
  readonly onAttempt: (attempt: Attempt) => void;
  /** `isAlien` when it names another attempt. */
  readonly onFrame: (frame: AttemptFrame, isAlien: boolean) => void;
  readonly onFailure: (why: GenerationFailure) => void;
  /** One that comes after others, over whatever connection. */
  readonly onLateFrame: (frame: AttemptFrame) => void;
};

export type OpenStream = (peer: SimulatedNode, sink: AttemptSink) => Leave;

/** What the calls need of a link. */
export type CallsPort = {
  readonly onEvent: (event: ClusterEvent) => void;
  /** Opens a stream over the connection that there is. Returns what abandons it. */
  readonly stream: (open: OpenStream, events: StreamEvents) => () => void;
  readonly send: (deliver: (peer: SimulatedNode) => void) => void;
  /** Dials at once where there is no connection. Calls back with whether there is one; never when nobody answers. */
  readonly redial: (done: (isConnected: boolean) => void) => void;
  /** A timer of the coordinator's process. */
  readonly after: (ms: number, run: () => void) => void;
  readonly nowMs: () => number;
  /** See `noteRoundTrip`. */
  readonly roundTripMs: () => number | null;
};

type Progress = AttemptProgress & {
  readonly requestId: RequestId;
  readonly epoch: number;
  isOver: boolean;
  isGivenUp: boolean;
  abandon: () => void;
};

export class SimulatedCalls {
  readonly #port: CallsPort;
  readonly #running = new Map<string, Progress>();

  constructor(port: CallsPort) {
    this.#port = port;
  }

  start(attempt: Attempt): void {
    const progress = this.#begin(attempt, attempt.emittedTokenIds.length);
    progress.abandon = this.#port.stream((peer, sink) => peer.start(attempt, sink), this.#eventsOf(progress));
  }

  /** Reads an attempt that another coordinator began. `onTaken` says whether it is wanted. */
  takeUp({ requestId, epoch }: EffectOf<"takeUpAttempt">, onTaken: (attempt: Attempt) => boolean): void {
    const progress = this.#begin({ requestId, epoch }, 0);
    this.#attach(progress, (attempt) => {
      progress.nextIndex = attempt.emittedTokenIds.length;
      if (!onTaken(attempt)) this.cancel(requestId, epoch);
    });
  }

  cancel(requestId: RequestId, epoch: number): void {
    const progress = this.#running.get(keyOf(requestId, epoch));
    if (progress !== undefined) {
      this.#end(progress);
      progress.abandon();
    }
    this.#port.send((peer) => peer.attempts.cancel({ requestId, epoch }));
  }

  keep(live: EffectOf<"keepAttempts">["live"]): void {
    this.#port.send((peer) => peer.attempts.keep(live));
  }

  /** The process is gone. */
  close(): void {
    for (const progress of this.#running.values()) progress.isOver = true;
    this.#running.clear();
  }

  #begin({ requestId, epoch }: Pick<Attempt, "requestId" | "epoch">, nextIndex: number): Progress {
    const fresh = { ...progressFrom(nextIndex), isOver: false, isGivenUp: false };
    const progress: Progress = { requestId, epoch, ...fresh, abandon: () => undefined };
    this.#running.set(keyOf(requestId, epoch), progress);
    return progress;
  }

  #end(progress: Progress): void {
    progress.isOver = true;
    const key = keyOf(progress.requestId, progress.epoch);
    if (this.#running.get(key) === progress) this.#running.delete(key);
  }

  #fail(progress: Progress, why: GenerationFailure): void {
    if (progress.isOver) return;
    this.#end(progress);
    const { requestId, epoch } = progress;
    this.#port.onEvent({ kind: "attemptFailed", requestId, epoch, failure: why });
  }

  /** Fails as `node_lost` when nothing comes at once. */
  #attach(progress: Progress, onAttempt: (attempt: Attempt) => void = () => undefined): void {
    const { requestId, epoch } = progress;
    const fromIndex = progress.nextIndex;
    let isAnswered = false;
    progress.isGivenUp = true;
    progress.abandon = () => undefined;
    const lose = (): void => this.#fail(progress, failure("node_lost", true));
    const events = this.#eventsOf(progress, () => {
      isAnswered = true;
      progress.isGivenUp = false;
    });
    this.#waitForAnswer(
      () => isAnswered || progress.isOver,
      () => {
        progress.abandon();
        lose();
      },
    );
    this.#port.redial((isConnected) => {
      if (progress.isOver) return;
      if (!isConnected) {
        lose();
        return;
      }
      const takeAttempt = (attempt: Attempt): void => {
        events.onAttempt(attempt);
        if (!progress.isOver) onAttempt(attempt);
      };
      progress.abandon = this.#port.stream(
        (peer, sink) => peer.attempts.attach({ requestId, epoch }, fromIndex, sink),
        { ...events, onAttempt: takeAttempt },
      );
    });
  }

  #waitForAnswer(isAnswered: () => boolean, onSilence: () => void): void {
    const patienceMs = attachPatienceMs(this.#port.roundTripMs());
    const askedAtMs = this.#port.nowMs();
    this.#port.after(patienceMs, () => {
      if (isAnswered()) return;
      if (patienceLeftMs(patienceMs, this.#port.nowMs() - askedAtMs) > 0) this.#waitForAnswer(isAnswered, onSilence);
      else onSilence();
    });
  }

  #eventsOf(progress: Progress, onAnswer: () => void = () => undefined): StreamEvents {
    const { requestId, epoch } = progress;
    return {
      onAttempt: onAnswer,
      onFrame: (frame, isAlien) => {
        if (progress.isOver) return;
        onAnswer();
        if (isAlien) {
          progress.abandon();
          this.#fail(progress, failure("node_lost", true));
        } else this.#take(progress, frame);
      },
      onLateFrame: (frame) => this.#port.onEvent({ kind: "frame", requestId, epoch, frame }),
      onFailure: (why) => {
        if (progress.isOver) return;
        if (progress.isGivenUp || why.code !== "node_lost") this.#fail(progress, why);
        else this.#attach(progress);
      },
    };
  }

  #take(progress: Progress, frame: AttemptFrame): void {
    if (!noteFrame(progress, frame)) return;
    if (frame.kind === "ending") this.#end(progress);
    const { requestId, epoch } = progress;
    this.#port.onEvent({ kind: "frame", requestId, epoch, frame });
  }
}

function keyOf(requestId: RequestId, epoch: number): string {
  return `${requestId}/${epoch}`;
}
