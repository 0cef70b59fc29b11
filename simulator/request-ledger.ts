// The clients' side: what each request must get, and what it got, from whichever coordinator.

import type { EffectOf } from "@pomona/coordinator/core/effect";
import type { ModelName, NodeId, RequestId } from "@pomona/shared/core/ids";
import { brokenModel, expectedTokens, textOf } from "./reference-model.ts";
import type { Session } from "./session.ts";

/** The coordinator looks at deadlines every 100 ms. */
const deadlineGraceMs = 101;

/** One request as its client knows it. */
export type ClientRequest = {
  readonly requestId: RequestId;
  readonly model: ModelName;
  readonly promptTokenIds: readonly number[];
  readonly maxTokens: number;
  /** Its deadline is far: it must not expire. */
  readonly isPatient: boolean;
  readonly deadlineMs: number;
  readonly isPoison: boolean;
  /** Its prompt has to be tokenized first: it waits for a replica before it is queued. */
  readonly isText: boolean;
};

export type Entry = ClientRequest & {
  readonly expected: readonly number[];
  received: number;
  /** Tokens after which a stop string is found. */
  stopsAt: number;
  isCancelled: boolean;
  /** What the client reads; null while it has no coordinator. */
  session: Session | null;
  /** Where its last coordinator had it; null when that was on no node. */
  left: LeftAttempt | null;
  lastFrameAtMs: number;
};

/** Where a request was when its client lost its coordinator. */
export type LeftAttempt = {
  readonly nodeId: NodeId;
  readonly incarnation: number;
  readonly epoch: number;
  /** Whether the node had it, running or ended: it keeps it for 30 s. */
  readonly isHeld: boolean;
  readonly atMs: number;
};

/**
 * Outcomes of requests by name: `stop`, `length`, `cancelled`, `expired`, or the code of a failure; `abandoned` when they
 * waited as their coordinator went, `lost` when they were on a node that has them no more. What is taken up is no ending:
 * `takenUp` counts it, `takenUpOlder` when the attempt was not the last one, `takenUpAgain` when that was heard of then.
 */
export type Outcomes = Record<string, number>;

export class RequestLedger {
  readonly outcomes: Outcomes = {};
  readonly #requests = new Map<RequestId, ClientRequest>();
  readonly #open = new Map<RequestId, Entry>();
  readonly #complain: (problem: string) => void;
  /** Models that were taken out of the pool at any time. */
  readonly #removed: ReadonlySet<ModelName>;
  tokens = 0;
  /** When a request of a model last got something. */
  readonly servedAtMs = new Map<ModelName, number>();

  constructor(complain: (problem: string) => void, removed: ReadonlySet<ModelName>) {
    this.#complain = complain;
    this.#removed = removed;
  }

  get openRequests(): readonly RequestId[] {
    return [...this.#open.keys()];
  }

  get open(): readonly Entry[] {
    return [...this.#open.values()];
  }

  add(request: ClientRequest, session: Session): void {
    const expected = expectedTokens(request.promptTokenIds, request.maxTokens);
    const fresh = { received: 0, stopsAt: Number.POSITIVE_INFINITY, isCancelled: false, left: null, lastFrameAtMs: 0 };
    this.#requests.set(request.requestId, request);
    this.#open.set(request.requestId, { ...request, expected, ...fresh, session });
    session.unreadSinceMs = null;
  }

  find(requestId: RequestId): Entry | undefined {
    return this.#open.get(requestId);
  }

  /** Whether its client has no coordinator at the moment. */
  isLeft(requestId: RequestId): boolean {
    const entry = this.#open.get(requestId);
    return entry !== undefined && entry.session === null;
  }

  /** Whatever has become of it. */
  requestOf(requestId: RequestId): ClientRequest | undefined {
    return this.#requests.get(requestId);
  }

  /** Whether a stop string is in the text that a session has. */
  isStopDue({ requestId, next }: Session): boolean {
    return next >= (this.#open.get(requestId)?.stopsAt ?? Number.POSITIVE_INFINITY);
  }

  /** The client reads at another coordinator, from its last token on. */
  attach(entry: Entry, session: Session, nowMs: number): void {
    entry.session = session;
    entry.left = null;
    entry.lastFrameAtMs = nowMs;
    session.unreadSinceMs = null;
    this.#receive(entry, session);
    if (session.ending !== null) this.#end(entry, session.ending);
  }

  detach(entry: Entry, left: LeftAttempt | null, nowMs: number): void {
    if (entry.session !== null) entry.session.unreadSinceMs = nowMs;
    entry.session = null;
    entry.left = left;
    if (entry.isCancelled) this.abandon(entry.requestId, "cancelled");
  }

  abandon(requestId: RequestId, outcome: "abandoned" | "lost" | "cancelled"): void {
    if (this.#open.delete(requestId)) this.#count(outcome);
  }

  /** A coordinator goes on with it; `isLater` in the place of another attempt. */
  noteTakenUp(requestId: RequestId, { epoch, isLater }: { readonly epoch: number; readonly isLater: boolean }): void {
    const left = this.#open.get(requestId)?.left ?? null;
    this.#count("takenUp");
    if (isLater) this.#count("takenUpAgain");
    // A node that was cut off may be heard of first: then tokens that others have made since are made again.
    else if (left !== null && epoch < left.epoch) this.#count("takenUpOlder");
  }

  /** What waiting clients are told: there is somebody to tell, and a place in the queue. */
  tell(session: Session, { outlook }: EffectOf<"tellWaiting">): void {
    const { requestId } = session;
    if (session.ending !== null) this.#complain(`request ${requestId} is told of the queue after its end`);
    const { position, length, expectedWaitMs } = outlook;
    if (position < 1 || position > length) this.#complain(`request ${requestId} is number ${position} of ${length}`);
    if (expectedWaitMs !== null && !(expectedWaitMs >= 0))
      this.#complain(`request ${requestId} is told to wait for ${expectedWaitMs} ms`);
  }

  deliver(session: Session, { requestId, frame }: EffectOf<"deliver">, nowMs: number): void {
    if (session.ending !== null) this.#complain(`request ${requestId} gets a frame after its end`);
    const request = this.#requests.get(requestId);
    if (request === undefined) {
      this.#complain(`request ${requestId} was never there`);
      return;
    }
    const entry = this.#open.get(requestId);
    this.servedAtMs.set(request.model, nowMs);
    if (entry?.session === session) entry.lastFrameAtMs = nowMs;
    if (frame.kind !== "tokens") return;
    if (frame.firstIndex !== session.next)
      this.#complain(`request ${requestId} gets token ${frame.firstIndex} when ${session.next} is due`);
    const expected = entry?.expected ?? expectedTokens(request.promptTokenIds, request.maxTokens);
    frame.ids.forEach((id, offset) => {
      const index = session.next + offset;
      if (id !== expected[index]) this.#complain(`request ${requestId}: token ${index} is wrong`);
      if (textOf(id).join() !== frame.texts[offset]?.join()) this.#complain(`request ${requestId}: a text is wrong`);
    });
    session.next += frame.ids.length;
    if (entry?.session === session) this.#receive(entry, session);
  }

  /** A client comes back for what follows its last token: it is not told those that it has. */
  #receive(entry: Entry, { next }: Session): void {
    this.tokens += Math.max(0, next - entry.received);
    entry.received = Math.max(entry.received, next);
  }

  /** `dueMs`: nobody could have ended it before, whatever its deadline. */
  finish(session: Session, { ending }: EffectOf<"finish">, { nowMs, dueMs }: { nowMs: number; dueMs: number }): void {
    const { requestId, next } = session;
    if (session.ending !== null) this.#complain(`request ${requestId} ends twice`);
    session.ending = ending;
    if (ending.usage.generatedTokens !== next)
      this.#complain(`request ${requestId} is told of ${ending.usage.generatedTokens} tokens and got ${next}`);
    const request = this.#requests.get(requestId);
    if (request === undefined) return;
    this.servedAtMs.set(request.model, nowMs);
    if (nowMs > Math.max(request.deadlineMs, dueMs) + deadlineGraceMs)
      this.#complain(`request ${requestId} outlives its deadline`);
    const entry = this.#open.get(requestId);
    if (entry?.session === session) this.#end(entry, ending);
  }

  /** The one ending that a client is told. */
  #end(entry: Entry, ending: EffectOf<"finish">["ending"]): void {
    const { requestId, model } = entry;
    this.#open.delete(requestId);
    this.#count(ending.reason === "failed" ? (ending.failure?.code ?? "failed") : ending.reason);
    const isGone = ending.failure?.code === "model_not_found" && this.#removed.has(model);
    if (isGone) return;
    for (const problem of endingProblems(entry, ending)) this.#complain(`request ${requestId} ${problem}`);
  }

  #count(outcome: string): void {
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
  }
}

function* endingProblems(entry: Entry, { reason, failure }: EffectOf<"finish">["ending"]): Generator<string> {
  const { expected, received, maxTokens, session } = entry;
  const isStopped = received >= entry.stopsAt;
  if ((reason === "failed" || reason === "expired") !== (failure !== null)) yield `ends as ${reason} without a why`;
  if (entry.isPoison && (reason === "stop" || reason === "length")) yield "kills engines and finished";
  switch (reason) {
    case "stop":
    case "length": {
      if ((session?.next ?? 0) < received) yield `ends at token ${session?.next}, and its client has ${received}`;
      const isWhole = received === expected.length;
      if (!isWhole && !isStopped) yield `ends as ${reason} after ${received} of ${expected.length} tokens`;
      const due = expected.length === maxTokens ? "length" : "stop";
      if (isWhole && !isStopped && reason !== due) yield `ends as ${reason}, and ${due} is due`;
      return;
    }
    case "cancelled":
      if (!entry.isCancelled) yield "ends as cancelled, and nobody cancelled it";
      return;
    case "expired":
      if (entry.isPatient) yield "expired although there was time and a node";
      return;
    case "failed":
      if (failure !== null && !allowedFailures(entry).includes(failure.code))
        yield `failed with ${failure.code}: ${failure.message}`;
  }
}

function allowedFailures({ model, isPoison }: Entry): readonly string[] {
  if (model === brokenModel) return ["model_failed", "queue_full"];
  // A request that was moved too often ends with what the last node said.
  return isPoison
    ? ["engine_crashed", "node_lost", "not_found"]
    : ["engine_crashed", "node_lost", "not_found", "queue_full"];
}
