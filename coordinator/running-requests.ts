// Running requests beside their records: who reads them, what has happened to them, and what is told of it.
import { toPomonaError } from "@pomona/shared/core/errors";
import type { Attempt, Decoding, Ending } from "@pomona/shared/core/generation";
import type { NodeId, RequestId } from "@pomona/shared/core/ids";
import type { Clock } from "@pomona/shared/runtime/clock";
import type { TokensFrame } from "./core/attempt-progress.ts";
import type { Announcement, EffectOf } from "./core/effect.ts";
import type { Generation } from "./gateway.ts";
import { GenerationSession } from "./generation-session.ts";
import type { CoordinatorMetrics } from "./metrics.ts";
import type { RequestName } from "./named-requests.ts";
import { type RequestHistory, RequestLog } from "./request-history.ts";
import { type TakeoverNote, takeoverBytes } from "./takeover-note.ts";
import { TokenTexts } from "./token-texts.ts";

/** A node goes on with what its coordinator does not read any more, and keeps it, for so long. */
const orphanMs = 30_000;
/** So long somebody may come back for a request that can be taken up again, while it runs and after its end. */
export const clientBackMs = 30_000;
const endedMax = 1000;

type Running = {
  readonly session: GenerationSession;
  readonly note: Omit<TakeoverNote, "texts">;
  readonly seed: number;
  /** Whether its client knows the request's id from the first piece on. */
  readonly isStreamed: boolean;
  readonly arrivedAtMs: number;
  /** Bytes of every token so far. */
  readonly texts: TokenTexts;
  /** Of those the last ones, which wait until the prompt has been told. */
  untold: Uint8Array[];
  lastTokensAtMs: number | null;
  isStopped: boolean;
  /** Why it was moved, until it goes on elsewhere. */
  movedFor: string | null;
  /** Whether an engine goes on that is equal to the one before. */
  isExact: boolean;
  /** Since when nobody reads it although somebody may come back; null while somebody does. */
  unreadSinceMs: number | null;
};

export type NewRunning = {
  readonly requestId: RequestId;
  readonly note: Omit<TakeoverNote, "texts">;
  readonly seed: number;
  readonly promptTokens: number;
  readonly isStreamed: boolean;
};

type Dependencies = {
  readonly clock: Clock;
  readonly metrics: CoordinatorMetrics;
  /** The client of a request has gone, and nobody can come back for it. */
  readonly abandon: (requestId: RequestId) => void;
  /** From now on it is found by the name that its client has given it. */
  readonly admitted: (name: RequestName, requestId: RequestId) => void;
  /** A stop string was found: the answer is complete. */
  readonly stop: (requestId: RequestId) => void;
};

/** Everything is told once: whoever comes second finds nothing. */
export class RunningRequests {
  readonly #dependencies: Dependencies;
  readonly #running = new Map<RequestId, Running>();
  /** Sessions that ended while nobody read them. */
  readonly #ended = new Map<RequestId, { readonly session: GenerationSession; readonly atMs: number }>();
  readonly #log = new RequestLog();

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  get ids(): readonly RequestId[] {
    return [...this.#running.keys()];
  }

  get isAnyRead(): boolean {
    return [...this.#running.values()].some(({ session }) => session.hasReaders);
  }

  add({ requestId, note, seed, promptTokens, isStreamed }: NewRunning): GenerationSession {
    const { clock } = this.#dependencies;
    const arrivedAtMs = clock.nowMs();
    const session = new GenerationSession(requestId, note, (signal) => this.#noteUnread(requestId, signal));
    const before = { texts: new TokenTexts(), untold: [], lastTokensAtMs: null, unreadSinceMs: null };
    const moves = { isStopped: false, movedFor: null, isExact: true };
    this.#running.set(requestId, { session, note, seed, isStreamed, arrivedAtMs, ...before, ...moves });
    this.#dependencies.admitted(note, requestId);
    const { model, api, priority } = note;
    this.#log.arrived({ requestId, model, api, priority, arrivedAtMs, promptTokens });
    return session;
  }

  /** One that another coordinator began: nobody reads it yet. One that is here stays as it is. */
  addTakenUp(nodeId: NodeId, { texts: _, ...note }: TakeoverNote, attempt: Attempt): void {
    const { requestId, epoch, promptTokenIds, decoding } = attempt;
    if (this.#running.has(requestId)) return;
    const seed = decoding.sampling.seed ?? 0;
    const session = this.add({ requestId, note, seed, promptTokens: promptTokenIds.length, isStreamed: true });
    session.add({ kind: "bound", nodeId, epoch, queueMs: 0, promptTokens: promptTokenIds.length, seed, isExact: true });
    const running = this.#running.get(requestId);
    if (running !== undefined) running.unreadSinceMs = this.#dependencies.clock.nowMs();
  }

  /**
   * Texts of the tokens that came before those that its node sends, as far as they are not here. Where the node tells the
   * prompt's log-probabilities again, they come after those.
   */
  addMissing(requestId: RequestId, texts: readonly Uint8Array[], { logsPrompt }: Pick<Decoding, "logsPrompt">): void {
    const running = this.#running.get(requestId);
    if (running === undefined) return;
    const missing = texts.slice(running.texts.length);
    running.texts.push(missing);
    running.untold.push(...missing);
    if (!logsPrompt) this.#tellMissing(running);
  }

  #tellMissing(running: Running): void {
    const texts = running.untold;
    running.untold = [];
    if (texts.length > 0) this.#tellTokens(running, { texts, logprobs: null });
  }

  #tellTokens(running: Running, { texts, logprobs }: Pick<TokensFrame, "texts" | "logprobs">): void {
    if (running.isStopped || !running.session.addTokens(texts, logprobs)) return;
    running.isStopped = true;
    this.#dependencies.stop(running.session.requestId);
  }

  /** Null when it does not run here and did not end a moment ago. */
  attach(requestId: RequestId, fromIndex: number, signal: AbortSignal): Generation | null {
    const running = this.#running.get(requestId);
    const session = running?.session ?? this.#ended.get(requestId)?.session;
    if (session === undefined) return null;
    if (running !== undefined) running.unreadSinceMs = null;
    return { requestId, events: session.read(fromIndex, signal) };
  }

  /** Whether it runs, or ended a moment ago. */
  isHere(requestId: RequestId): boolean {
    return this.#running.has(requestId) || this.#ended.has(requestId);
  }

  /** Whether its client can come back to another coordinator for the rest: by its own name for it, or by the pool's. */
  isResumable(requestId: RequestId): boolean {
    const running = this.#running.get(requestId);
    return running !== undefined && (running.isStreamed || running.note.idempotencyKey !== "");
  }

  explain(requestId: RequestId): RequestHistory | null {
    return this.#log.find(requestId);
  }

  /** The attempt with what another coordinator needs to go on with it; null when its request is gone. */
  bound({ nodeId, attempt, queueMs, decision, isExact }: EffectOf<"startAttempt">): Attempt | null {
    const { requestId, epoch } = attempt;
    const running = this.#running.get(requestId);
    if (running === undefined) return null;
    const boundAtMs = this.#dependencies.clock.nowMs();
    this.#log.bound(requestId, { epoch, nodeId, boundAtMs, queueMs, decision });
    this.#dependencies.metrics.bound({ model: running.note.model, node: nodeId }, queueMs);
    running.isExact = isExact;
    const promptTokens = attempt.promptTokenIds.length;
    running.session.add({ kind: "bound", nodeId, epoch, queueMs, promptTokens, seed: running.seed, isExact });
    const takeover = takeoverBytes({ ...running.note, texts: running.texts.all() });
    return { ...attempt, orphanMs, takeover };
  }

  deliver({ requestId, nodeId, frame }: EffectOf<"deliver">): void {
    const running = this.#running.get(requestId);
    if (running === undefined || running.isStopped) return;
    const { metrics, clock } = this.#dependencies;
    const labels = { model: running.note.model, node: nodeId };
    if (frame.kind === "accepted") {
      metrics.accepted(labels, frame.promptTokens, frame.cachedPromptTokens);
      this.#log.accepted(requestId, frame);
      if (frame.checkpoint !== undefined) metrics.checkpoint(labels.model, frame.checkpoint);
    } else if (frame.kind === "prefill") {
      const { evaluatedTokens, totalTokens } = frame;
      running.session.add({ kind: "progress", evaluatedTokens, totalTokens });
    } else if (frame.kind === "promptLogprobs") {
      running.session.add({ kind: "prompt", logprobs: frame.logprobs });
    } else {
      const nowMs = clock.nowMs();
      this.#noteResumed(running, nowMs);
      if (running.lastTokensAtMs === null) metrics.firstToken(labels, (nowMs - running.arrivedAtMs) / 1000);
      else metrics.interToken(labels, (nowMs - running.lastTokensAtMs) / 1000 / frame.ids.length);
      running.lastTokensAtMs = nowMs;
      metrics.tokens(labels, frame.ids.length);
      const first = this.#log.tokens(requestId, nowMs);
      if (first !== null) metrics.predicted(labels, first);
      running.texts.push(frame.texts);
      this.#tellMissing(running);
      this.#tellTokens(running, frame);
    }
  }

  tellWaiting({ requestId, outlook }: EffectOf<"tellWaiting">): void {
    this.#running.get(requestId)?.session.add({ kind: "waiting", ...outlook });
  }

  end(requestId: RequestId, ending: Ending): void {
    const running = this.#running.get(requestId);
    if (running === undefined) return;
    this.#running.delete(requestId);
    const { metrics, clock } = this.#dependencies;
    this.#tellMissing(running);
    const { session, note, movedFor, unreadSinceMs } = running;
    this.#log.ended(requestId, ending, clock.nowMs());
    session.end(ending, running.isStopped);
    if (unreadSinceMs !== null || note.idempotencyKey !== "")
      this.#ended.set(requestId, { session, atMs: clock.nowMs() });
    const { model, api } = note;
    if (movedFor !== null) metrics.moved(model, { reason: movedFor, outcome: "ended" });
    metrics.ended({ model, api }, ending, (clock.nowMs() - running.arrivedAtMs) / 1000);
  }

  noteMove({ requestId, reason }: Announcement & { kind: "requestMoved" }): void {
    const running = this.#running.get(requestId);
    if (running === undefined) return;
    this.#log.moved(requestId, reason);
    const { note, movedFor } = running;
    if (movedFor !== null) this.#dependencies.metrics.moved(note.model, { reason: movedFor, outcome: "lost_again" });
    running.movedFor = reason;
  }

  noteCheckpoint(announcement: Announcement & { kind: "checkpointHeld" | "checkpointLost" }): void {
    const { kind, requestId, nodeId, model } = announcement;
    this.#dependencies.metrics.checkpoint(model, kind === "checkpointHeld" ? "held" : "lost");
    if (kind === "checkpointHeld") this.#log.checkpointed(requestId, nodeId);
  }

  /** Gives up what nobody has come back for. Call it now and then. */
  review(): void {
    const nowMs = this.#dependencies.clock.nowMs();
    for (const [requestId, { unreadSinceMs }] of this.#running) {
      if (unreadSinceMs !== null && nowMs - unreadSinceMs >= clientBackMs) this.#dependencies.abandon(requestId);
    }
    for (const [requestId, { atMs }] of this.#ended) {
      if (nowMs - atMs < clientBackMs && this.#ended.size <= endedMax) break;
      this.#ended.delete(requestId);
    }
  }

  /** A client that has named its request may come back for it, and so may one that was sent away; another one has gone. */
  #noteUnread(requestId: RequestId, signal: AbortSignal): void {
    const running = this.#running.get(requestId);
    if (running === undefined) return;
    const isSentAway = running.isStreamed && signal.aborted && toPomonaError(signal.reason).code === "shutting_down";
    if (running.note.idempotencyKey === "" && !isSentAway) this.#dependencies.abandon(requestId);
    else running.unreadSinceMs = this.#dependencies.clock.nowMs();
  }

  #noteResumed(running: Running, nowMs: number): void {
    const { note, movedFor, isExact, lastTokensAtMs } = running;
    if (movedFor === null) return;
    const { metrics } = this.#dependencies;
    metrics.moved(note.model, { reason: movedFor, outcome: isExact ? "resumed" : "resumed_unequal" });
    if (lastTokensAtMs !== null) metrics.resumedAfter(note.model, (nowMs - lastTokensAtMs) / 1000);
    running.movedFor = null;
  }
}
