// The clients' side: what each request must get, and what it got.

import type { EffectOf } from "@pomona/coordinator/core/effect";
import type { ModelName, RequestId } from "@pomona/shared/core/ids";
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

type Entry = ClientRequest & {
  readonly expected: readonly number[];
  received: number;
  isStopped: boolean;
  isCancelled: boolean;
};

/** Outcomes of requests by name: `stop`, `length`, `cancelled`, `expired`, or the code of a failure. */
export type Outcomes = Record<string, number>;

export class RequestLedger {
  readonly outcomes: Outcomes = {};
  readonly #open = new Map<RequestId, Entry>();
  readonly #ended = new Set<RequestId>();
  readonly #complain: (problem: string) => void;
  /** Models that were taken out of the pool at any time. */
  readonly #removed: ReadonlySet<ModelName>;
  tokens = 0;

  constructor(complain: (problem: string) => void, removed: ReadonlySet<ModelName>) {
    this.#complain = complain;
    this.#removed = removed;
  }

  get openRequests(): readonly RequestId[] {
    return [...this.#open.keys()];
  }

  add(request: ClientRequest): void {
    const expected = expectedTokens(request.promptTokenIds, request.maxTokens);
    this.#open.set(request.requestId, { ...request, expected, received: 0, isStopped: false, isCancelled: false });
  }

  has(requestId: RequestId): boolean {
    return this.#open.has(requestId);
  }

  markStopped(requestId: RequestId): void {
    const entry = this.#open.get(requestId);
    if (entry !== undefined) entry.isStopped = true;
  }

  markCancelled(requestId: RequestId): void {
    const entry = this.#open.get(requestId);
    if (entry !== undefined) entry.isCancelled = true;
  }

  /** The coordinator's process went away with everything that it knew. */
  abandonAll(): void {
    for (const requestId of this.#open.keys()) this.#ended.add(requestId);
    this.#count("abandoned", this.#open.size);
    this.#open.clear();
  }

  /** What waiting clients are told: there is somebody to tell, and a place in the queue. */
  tell({ requestId, outlook }: EffectOf<"tellWaiting">): void {
    if (!this.#open.has(requestId)) this.#complain(`request ${requestId} is told of the queue after its end`);
    const { position, length, expectedWaitMs } = outlook;
    if (position < 1 || position > length) this.#complain(`request ${requestId} is number ${position} of ${length}`);
    if (expectedWaitMs !== null && !(expectedWaitMs >= 0))
      this.#complain(`request ${requestId} is told to wait for ${expectedWaitMs} ms`);
  }

  deliver({ requestId, frame }: EffectOf<"deliver">): void {
    const entry = this.#open.get(requestId);
    if (entry === undefined) {
      this.#complain(`request ${requestId} gets a frame after its end`);
      return;
    }
    if (frame.kind !== "tokens") return;
    if (frame.firstIndex !== entry.received)
      this.#complain(`request ${requestId} gets token ${frame.firstIndex} when ${entry.received} is due`);
    frame.ids.forEach((id, offset) => {
      const expected = entry.expected[entry.received + offset];
      if (id !== expected) this.#complain(`request ${requestId}: token ${entry.received + offset} is wrong`);
      if (textOf(id).join() !== frame.texts[offset]?.join()) this.#complain(`request ${requestId}: a text is wrong`);
    });
    entry.received += frame.ids.length;
    this.tokens += frame.ids.length;
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
    if (ending.usage.generatedTokens !== entry.received)
      this.#complain(
        `request ${requestId} is told of ${ending.usage.generatedTokens} tokens and got ${entry.received}`,
      );
    if (nowMs > entry.deadlineMs + deadlineGraceMs) this.#complain(`request ${requestId} outlives its deadline`);
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
