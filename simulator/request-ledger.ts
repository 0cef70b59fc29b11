// The clients' side: what each request must get, and what it got.

import type { EffectOf } from "@pomona/coordinator/core/effect";
import type { ModelName, NodeId, RequestId } from "@pomona/shared/core/ids";
import { brokenModel, expectedTokens, textOf } from "./reference-model.ts";

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

type TakenUp = {
  readonly requestId: RequestId;
  readonly epoch: number;
  readonly index: number;
  /** Another attempt of it was gone on with, and is left for this one. */
  readonly isLater: boolean;
  readonly nowMs: number;
};

export type Entry = ClientRequest & {
  readonly expected: readonly number[];
  received: number;
  /** The token that its coordinator has to pass on next: one that takes it up passes some on again. */
  next: number;
  isStopped: boolean;
  isCancelled: boolean;
  /** Its coordinator is gone, and it was on a node then; null while it has one. */
  left: LeftAttempt | null;
  /** Nobody was there to end it before. */
  excusedUntilMs: number;
  lastFrameAtMs: number;
};

/** Where a request was when its coordinator went. */
export type LeftAttempt = { readonly nodeId: NodeId; readonly incarnation: number; readonly epoch: number };

/**
 * Outcomes of requests by name: `stop`, `length`, `cancelled`, `expired`, or the code of a failure; `abandoned` when they
 * waited as their coordinator went, `lost` when they were on a node that has them no more. `takenUp` counts no ending, nor do
 * `takenUpOlder`, of those that go on with an attempt before the last one, and `takenUpAgain`, when that was heard of then.
 */
export type Outcomes = Record<string, number>;

export class RequestLedger {
  readonly outcomes: Outcomes = {};
  readonly #open = new Map<RequestId, Entry>();
  readonly #ended = new Set<RequestId>();
  readonly #complain: (problem: string) => void;
  /** Models that were taken out of the pool at any time. */
  readonly #removed: ReadonlySet<ModelName>;
  tokens = 0;
  /** When a request of a model last got something. */
  readonly servedAtMs = new Map<ModelName, number>();
  /** Nobody could be told of anything before. */
  excusedUntilMs = 0;

  constructor(complain: (problem: string) => void, removed: ReadonlySet<ModelName>) {
    this.#complain = complain;
    this.#removed = removed;
  }

  get openRequests(): readonly RequestId[] {
    return [...this.#open.keys()];
  }

  add(request: ClientRequest): void {
    const expected = expectedTokens(request.promptTokenIds, request.maxTokens);
    const fresh = { received: 0, next: 0, isStopped: false, isCancelled: false, left: null };
    this.#open.set(request.requestId, { ...request, expected, ...fresh, excusedUntilMs: 0, lastFrameAtMs: 0 });
  }

  has(requestId: RequestId): boolean {
    return this.#open.has(requestId);
  }

  /** Whether it was on a node when its coordinator went, and no other one has gone on with it yet. */
  isLeft(requestId: RequestId): boolean {
    return (this.#open.get(requestId)?.left ?? null) !== null;
  }

  markStopped(requestId: RequestId): void {
    const entry = this.#open.get(requestId);
    if (entry !== undefined) entry.isStopped = true;
  }

  /** Whether a stop string was found, and all of the text before it is there. */
  isStopDue(requestId: RequestId): boolean {
    const entry = this.#open.get(requestId);
    return entry?.isStopped === true && entry.next >= entry.received;
  }

  markCancelled(requestId: RequestId): void {
    const entry = this.#open.get(requestId);
    if (entry !== undefined) entry.isCancelled = true;
  }

  get open(): readonly Readonly<Entry>[] {
    return [...this.#open.values()];
  }

  /** The coordinator's process went away with everything that it knew: what was on a node may go on, the rest is lost. */
  leaveAll(leftOf: (requestId: RequestId) => LeftAttempt | null): void {
    for (const entry of this.#open.values()) {
      // Who was left by the coordinator before has not come to this one.
      entry.left = leftOf(entry.requestId) ?? entry.left;
      if (entry.left === null) this.abandon(entry.requestId, "abandoned");
    }
  }

  abandon(requestId: RequestId, outcome: "abandoned" | "lost"): void {
    if (!this.#open.delete(requestId)) return;
    this.#ended.add(requestId);
    this.#count(outcome, 1);
  }

  /** The next coordinator goes on with it from a token index. Null for one whose client wants it no more. */
  takeUp(taken: TakenUp): Readonly<Entry> | null {
    const { requestId, epoch, index, isLater, nowMs } = taken;
    const entry = this.#open.get(requestId);
    if (entry === undefined) return null;
    if (entry.left === null && !isLater) this.#complain(`request ${requestId} is taken up and was not left`);
    if (isLater) this.#count("takenUpAgain", 1);
    // A node that was cut off may be heard of first: then tokens that others have made since are made again.
    else if (epoch < (entry.left?.epoch ?? 0)) this.#count("takenUpOlder", 1);
    if (index > entry.received)
      this.#complain(`request ${requestId} goes on at token ${index}, and its client has ${entry.received}`);
    entry.next = index;
    entry.left = null;
    entry.excusedUntilMs = nowMs;
    entry.lastFrameAtMs = nowMs;
    this.#count("takenUp", 1);
    return entry;
  }

  /** What waiting clients are told: there is somebody to tell, and a place in the queue. */
  tell({ requestId, outlook }: EffectOf<"tellWaiting">): void {
    if (!this.#open.has(requestId)) this.#complain(`request ${requestId} is told of the queue after its end`);
    const { position, length, expectedWaitMs } = outlook;
    if (position < 1 || position > length) this.#complain(`request ${requestId} is number ${position} of ${length}`);
    if (expectedWaitMs !== null && !(expectedWaitMs >= 0))
      this.#complain(`request ${requestId} is told to wait for ${expectedWaitMs} ms`);
  }

  deliver({ requestId, frame }: EffectOf<"deliver">, nowMs: number): void {
    const entry = this.#open.get(requestId);
    if (entry === undefined) {
      this.#complain(`request ${requestId} gets a frame after its end`);
      return;
    }
    entry.lastFrameAtMs = nowMs;
    this.servedAtMs.set(entry.model, nowMs);
    if (frame.kind !== "tokens") return;
    if (frame.firstIndex !== entry.next)
      this.#complain(`request ${requestId} gets token ${frame.firstIndex} when ${entry.next} is due`);
    frame.ids.forEach((id, offset) => {
      const expected = entry.expected[entry.next + offset];
      if (id !== expected) this.#complain(`request ${requestId}: token ${entry.next + offset} is wrong`);
      if (textOf(id).join() !== frame.texts[offset]?.join()) this.#complain(`request ${requestId}: a text is wrong`);
    });
    entry.next += frame.ids.length;
    // A client comes back for what follows its last token: it is not told those that it has.
    this.tokens += Math.max(0, entry.next - entry.received);
    entry.received = Math.max(entry.received, entry.next);
  }

  finish({ requestId, ending }: EffectOf<"finish">, nowMs: number): void {
    const entry = this.#open.get(requestId);
    if (entry === undefined) {
      const what = this.#ended.has(requestId) ? "ends twice" : "was never there";
      this.#complain(`request ${requestId} ${what}`);
      return;
    }
    this.#open.delete(requestId);
    this.#ended.add(requestId);
    this.#count(ending.reason === "failed" ? (ending.failure?.code ?? "failed") : ending.reason, 1);
    this.servedAtMs.set(entry.model, nowMs);
    if (ending.usage.generatedTokens !== entry.next)
      this.#complain(`request ${requestId} is told of ${ending.usage.generatedTokens} tokens and got ${entry.next}`);
    const isWhole = ending.reason === "stop" || ending.reason === "length";
    if (isWhole && entry.next < entry.received)
      this.#complain(`request ${requestId} ends at token ${entry.next}, and its client has ${entry.received}`);
    if (nowMs > Math.max(entry.deadlineMs, entry.excusedUntilMs, this.excusedUntilMs) + deadlineGraceMs)
      this.#complain(`request ${requestId} outlives its deadline`);
    const isGone = ending.failure?.code === "model_not_found" && this.#removed.has(entry.model);
    if (isGone) return;
    for (const problem of endingProblems(entry, ending)) this.#complain(`request ${requestId} ${problem}`);
  }

  #count(outcome: string, count: number): void {
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + count;
  }
}

function* endingProblems(entry: Entry, { reason, failure }: EffectOf<"finish">["ending"]): Generator<string> {
  const { expected, received, maxTokens } = entry;
  if ((reason === "failed" || reason === "expired") !== (failure !== null)) yield `ends as ${reason} without a why`;
  if (entry.isPoison && (reason === "stop" || reason === "length")) yield "kills engines and finished";
  switch (reason) {
    case "stop":
    case "length": {
      const isWhole = received === expected.length;
      if (!isWhole && !entry.isStopped) yield `ends as ${reason} after ${received} of ${expected.length} tokens`;
      const due = expected.length === maxTokens ? "length" : "stop";
      if (isWhole && !entry.isStopped && reason !== due) yield `ends as ${reason}, and ${due} is due`;
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
