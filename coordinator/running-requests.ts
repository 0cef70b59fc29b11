// Running requests beside their records: who reads them, what has happened to them, and what is told of it.
import { PomonaError } from "@pomona/shared/core/errors";
import type { Attempt, Ending } from "@pomona/shared/core/generation";
import type { RequestId } from "@pomona/shared/core/ids";
import type { Clock } from "@pomona/shared/runtime/clock";
import type { TokensFrame } from "./core/attempt-progress.ts";
import type { Announcement, EffectOf } from "./core/effect.ts";
import type { Generation } from "./gateway.ts";
import { GenerationSession } from "./generation-session.ts";
import type { CoordinatorMetrics } from "./metrics.ts";
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
  readonly arrivedAtMs: number;
  /** Bytes of every token so far. */
  readonly texts: TokenTexts;
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
};

type Dependencies = {
  readonly clock: Clock;
  readonly metrics: CoordinatorMetrics;
  /** The client of a request has gone, and nobody can come back for it. */
  readonly abandon: (requestId: RequestId) => void;
  /** A stop string was found: the answer is complete. */
  readonly stop: (requestId: RequestId) => void;
};

/** Everything is told once: whoever comes second finds nothing. */
export class RunningRequests {
  readonly #dependencies: Dependencies;
  readonly #running = new Map<RequestId, Running>();
  /** Sessions that ended while nobody read them. */
  readonly #ended = new Map<RequestId, { readonly session: GenerationSession; readonly atMs: number }>();
  readonly #byKey = new Map<string, { readonly requestId: RequestId; readonly fingerprint: string }>();
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

  add({ requestId, note, seed, promptTokens }: NewRunning): GenerationSession {
    const { clock } = this.#dependencies;
    const arrivedAtMs = clock.nowMs();
    const session = new GenerationSession(requestId, note, () => this.#noteUnread(requestId));
    const before = { texts: new TokenTexts(), lastTokensAtMs: null, isStopped: false, movedFor: null, isExact: true };
    this.#running.set(requestId, { session, note, seed, arrivedAtMs, ...before, unreadSinceMs: null });
    const { idempotencyKey, fingerprint } = note;
    if (idempotencyKey !== "") this.#byKey.set(keyOf(note), { requestId, fingerprint });
    const { model, api, priority } = note;
    this.#log.arrived({ requestId, model, api, priority, arrivedAtMs, promptTokens });
    return session;
  }

  /** One that another coordinator began: nobody reads it yet. One that is here stays as it is. */
  addTakenUp(requestId: RequestId, { texts: _, ...note }: TakeoverNote, { promptTokenIds, decoding }: Attempt): void {
    if (this.#running.has(requestId)) return;
    this.add({ requestId, note, seed: decoding.sampling.seed ?? 0, promptTokens: promptTokenIds.length });
    const running = this.#running.get(requestId);
    if (running !== undefined) running.unreadSinceMs = this.#dependencies.clock.nowMs();
  }

  /** Texts of the tokens that came before those that its node sends, as far as they are not here. */
  addMissing(requestId: RequestId, texts: readonly Uint8Array[]): void {
    const running = this.#running.get(requestId);
    const missing = texts.slice(running?.texts.length ?? texts.length);
    if (running !== undefined && missing.length > 0) this.#addTokens(running, { texts: missing, logprobs: null });
  }

  #addTokens(running: Running, { texts, logprobs }: Pick<TokensFrame, "texts" | "logprobs">): void {
    running.texts.push(texts);
    if (!running.session.addTokens(texts, logprobs)) return;
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

  /**
   * The request that a client has named so, if it runs or ended a moment ago.
   * @throws PomonaError `conflict` when it asks for something else.
   */
  named(note: Pick<TakeoverNote, "tenant" | "idempotencyKey" | "fingerprint">): RequestId | null {
    const known = this.#byKey.get(keyOf(note));
    if (known === undefined || !this.#isHere(known.requestId)) return null;
    if (known.fingerprint === note.fingerprint) return known.requestId;
    const message = `idempotency key ${JSON.stringify(note.idempotencyKey)} names another request: take a new key`;
    throw new PomonaError("conflict", message, { field: "idempotency-key" });
  }

  #isHere(requestId: RequestId): boolean {
    return this.#running.has(requestId) || this.#ended.has(requestId);
  }

  /** Whether its client has given it a name, to come back with. */
  isNamed(requestId: RequestId): boolean {
    return (this.#running.get(requestId)?.note.idempotencyKey ?? "") !== "";
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
    running.session.add({ kind: "bound", nodeId, epoch, queueMs, seed: running.seed, isExact });
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
      this.#log.accepted(requestId, frame.cachedPromptTokens);
    } else if (frame.kind === "prefill") {
      const { evaluatedTokens, totalTokens } = frame;
      running.session.add({ kind: "progress", evaluatedTokens, totalTokens });
    } else {
      const nowMs = clock.nowMs();
      this.#noteResumed(running, nowMs);
      if (running.lastTokensAtMs === null) metrics.firstToken(labels, (nowMs - running.arrivedAtMs) / 1000);
      else metrics.interToken(labels, (nowMs - running.lastTokensAtMs) / 1000 / frame.ids.length);
      running.lastTokensAtMs = nowMs;
      metrics.tokens(labels, frame.ids.length);
      const first = this.#log.tokens(requestId, nowMs);
      if (first !== null) metrics.predicted(labels, first);
      this.#addTokens(running, frame);
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
    for (const [key, { requestId }] of this.#byKey) if (!this.#isHere(requestId)) this.#byKey.delete(key);
  }

  /** A client that has named its request may come back for it; another one has gone for good. */
  #noteUnread(requestId: RequestId): void {
    const running = this.#running.get(requestId);
    if (running === undefined) return;
    if (running.note.idempotencyKey === "") this.#dependencies.abandon(requestId);
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

function keyOf({ tenant, idempotencyKey }: Pick<TakeoverNote, "tenant" | "idempotencyKey">): string {
  return `${tenant}\n${idempotencyKey}`;
}
