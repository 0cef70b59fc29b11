// One attempt on one slot: its prompt chunk by chunk, then its tokens one by one.
import type { Attempt, AttemptFrame, Ending, FinishReason, GenerationFailure } from "@pomona/shared/core/generation";
import type { LlamaContextSequence, LlamaModel, SequenceEvaluateOptions, Token } from "node-llama-cpp";
import { slotPriority } from "./batching.ts";
import { evaluateOptions, isDrawn, seedAt } from "./sampling.ts";
import type { TokenBytes } from "./token-bytes.ts";

/** Tokens of one prefill chunk: on a CPU, 256 costs nothing against a whole prompt and lets running streams through. */
const chunkLengthMax = 256;
/** CPU flash attention takes another kernel from 64 query tokens on: below, emitted tokens are re-read exactly. */
const emittedChunkLengthMax = 63;

export type Slot = { readonly id: number; readonly sequence: LlamaContextSequence };

export type GenerationParts = {
  readonly attempt: Attempt;
  readonly slot: Slot;
  readonly model: LlamaModel;
  readonly bytes: TokenBytes;
  readonly contextLength: number;
  readonly onFrame: (frame: AttemptFrame) => void;
};

/** What a step of a generation found: it goes on, or it ended. */
export type StepOutcome = { readonly kind: "running" } | { readonly kind: "ended"; readonly reason: FinishReason };

export class Generation {
  readonly attempt: Attempt;
  readonly slot: Slot;
  readonly #parts: GenerationParts;
  readonly #emitted: number[];
  readonly #all: readonly Token[];
  readonly #options: SequenceEvaluateOptions;
  readonly #startedAtMs = performance.now();
  #plannedChunks: number[];
  #cached = 0;
  #decodeStartedAtMs: number | null = null;
  #tokens: ReturnType<LlamaContextSequence["evaluate"]> | null = null;
  #last: Token;
  isCancelled = false;

  constructor(parts: GenerationParts) {
    const { attempt, model, slot } = parts;
    this.#parts = parts;
    this.attempt = attempt;
    this.slot = slot;
    this.#emitted = [...attempt.emittedTokenIds];
    // Token ids of this model; the library brands them.
    this.#all = [...attempt.promptTokenIds, ...attempt.emittedTokenIds] as Token[];
    this.#last = this.#all.at(-1) as Token;
    this.#plannedChunks = [...attempt.promptChunkLengths];
    this.#options = {
      ...evaluateOptions(model, attempt.sampling, () => this.#emitted),
      evaluationPriority: slotPriority(slot.id),
      yieldEogToken: true,
    };
  }

  /** Whether the whole prompt but its last token is in the slot. */
  get isDecoding(): boolean {
    return this.slot.sequence.nextTokenIndex >= this.#all.length - 1;
  }

  /** Keeps what the slot already holds of the prompt. */
  async accept(): Promise<void> {
    const { sequence } = this.slot;
    await sequence.adaptStateToTokens(this.#all.slice(0, -1), false);
    this.#cached = Math.min(sequence.nextTokenIndex, this.attempt.promptTokenIds.length);
    // A prompt of which a part is kept cannot be cut as it was the first time.
    if (this.#cached > 0) this.#plannedChunks = [];
    const promptTokens = this.attempt.promptTokenIds.length;
    this.#parts.onFrame({ kind: "accepted", slot: this.slot.id, cachedPromptTokens: this.#cached, promptTokens });
  }

  /** Evaluates the next chunk of the prompt, or of what earlier epochs emitted. */
  async prefill(): Promise<void> {
    const { sequence } = this.slot;
    const start = sequence.nextTokenIndex;
    const chunk = this.#all.slice(start, start + this.#nextChunkLength(start));
    const evaluationPriority = slotPriority(this.slot.id);
    await sequence.evaluateWithoutGeneratingNewTokens(chunk, { evaluationPriority });
    const totalTokens = this.#all.length;
    const evaluatedTokens = sequence.nextTokenIndex;
    this.#parts.onFrame({ kind: "prefill", evaluatedTokens, totalTokens, chunkLength: chunk.length });
  }

  #nextChunkLength(start: number): number {
    const promptLeft = this.attempt.promptTokenIds.length - start;
    if (promptLeft <= 0) return Math.min(emittedChunkLengthMax, this.#all.length - 1 - start);
    const planned = this.#plannedChunks.shift() ?? chunkLengthMax;
    // The last token of all is left for the evaluation that draws from it.
    const left = Math.min(promptLeft, this.#all.length - 1 - start);
    return Math.max(1, Math.min(planned, chunkLengthMax, left));
  }

  /** Generates one token. */
  async decode(): Promise<StepOutcome> {
    this.#decodeStartedAtMs ??= performance.now();
    const token = await this.#nextToken();
    if (token === undefined || this.#isEnd(token)) return { kind: "ended", reason: "stop" };
    const index = this.#emitted.length;
    this.#emitted.push(token);
    this.#last = token;
    this.#parts.onFrame({ kind: "tokens", firstIndex: index, ids: [token], texts: [this.#parts.bytes.of(token)] });
    const isFull = this.attempt.promptTokenIds.length + this.#emitted.length >= this.#parts.contextLength;
    if (this.#emitted.length >= this.attempt.maxTokens || isFull) return { kind: "ended", reason: "length" };
    return { kind: "running" };
  }

  async #nextToken(): Promise<Token | undefined> {
    const { sampling } = this.attempt;
    const { sequence } = this.slot;
    if (!isDrawn(sampling)) {
      this.#tokens ??= sequence.evaluate([this.#last], this.#options);
      return (await this.#tokens.next()).value ?? undefined;
    }
    const seed = seedAt(sampling.seed, this.#emitted.length);
    const one = sequence.evaluate([this.#last], { ...this.#options, seed });
    const { value } = await one.next();
    await one.return();
    return value ?? undefined;
  }

  #isEnd(token: Token): boolean {
    return this.#parts.model.isEogToken(token) || this.attempt.stopTokenIds.includes(token);
  }

  /** Sends the one ending and lets the slot go. What the slot holds stays for the next prompt. */
  async end(reason: FinishReason, failure: GenerationFailure | null): Promise<void> {
    await this.#tokens?.return();
    const nowMs = performance.now();
    const decodeStartedAtMs = this.#decodeStartedAtMs ?? nowMs;
    const ending: Ending = {
      reason,
      failure,
      usage: {
        promptTokens: this.attempt.promptTokenIds.length,
        cachedPromptTokens: this.#cached,
        generatedTokens: this.#emitted.length,
      },
      timings: {
        queueMs: 0,
        prefillMs: decodeStartedAtMs - this.#startedAtMs,
        decodeMs: nowMs - decodeStartedAtMs,
      },
    };
    this.#parts.onFrame({ kind: "ending", ending });
  }
}
