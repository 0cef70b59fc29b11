// One attempt on one slot: what of it is still to be evaluated, and what came out.
import { type PomonaError, toPomonaError } from "@pomona/shared/core/errors";
import {
  type Attempt,
  type AttemptFrame,
  type CheckpointUse,
  type Ending,
  type FinishReason,
  failureOf,
  type GenerationFailure,
  type TokenLogprobs,
} from "@pomona/shared/core/generation";
import { plannedLength, smallChunkMax } from "../../core/chunk-record.ts";
import { type Wanted, wantedOf } from "../../core/state-index.ts";
import type { PromptReader } from "./prompt-reader.ts";
import type { Slot } from "./slot.ts";
import type { ChosenToken, TokenSampler } from "./token-sampler.ts";
import type { Vocabulary } from "./vocabulary.ts";

export type GenerationParts = {
  readonly attempt: Attempt;
  readonly slot: Slot;
  readonly sampler: TokenSampler;
  /** null where the prompt's log-probabilities were not asked for. */
  readonly promptReader: PromptReader | null;
  readonly vocabulary: Vocabulary;
  readonly contextLength: number;
  readonly onFrame: (frame: AttemptFrame) => void;
};

/** Tokens to evaluate next, and after which of them the logits are wanted. */
export type Chunk = {
  readonly tokenIds: readonly number[];
  readonly logitPlaces: readonly number[];
  /** The next token is chosen after it. */
  readonly isLast: boolean;
};

export class Generation {
  readonly attempt: Attempt;
  readonly slot: Slot;
  readonly sampler: TokenSampler;
  readonly #parts: GenerationParts;
  readonly #emitted: number[];
  /** The prompt and what was emitted: all that the slot is to hold. */
  readonly #all: number[];
  readonly #wanted: Wanted;
  readonly #startedAtMs = performance.now();
  #cached = 0;
  #decodeStartedAtMs: number | null = null;
  /** Whether the slot holds what it can of the prompt. */
  #isPrepared = false;
  /** Tokens of the prompt whose log-probabilities were told. */
  #told = 0;
  #endLogprobs: TokenLogprobs | null = null;
  isEnded = false;
  hasFailed = false;

  constructor(parts: GenerationParts) {
    const { attempt } = parts;
    this.#parts = parts;
    this.attempt = attempt;
    this.slot = parts.slot;
    this.sampler = parts.sampler;
    this.#emitted = [...attempt.emittedTokenIds];
    this.#wanted = wantedOf(attempt);
    this.#all = [...this.#wanted.tokenIds];
  }

  get emitted(): readonly number[] {
    return this.#emitted;
  }

  /** How many tokens are still to be evaluated before the next one can be chosen; at least 1. */
  get pendingLength(): number {
    return this.#all.length - this.slot.length;
  }

  get isPrepared(): boolean {
    return this.#isPrepared;
  }

  /** Whether one token is left: it is evaluated together with those of the other slots. */
  get isDecoding(): boolean {
    return this.#isPrepared && !this.isEnded && this.pendingLength === 1;
  }

  /** Whether more than the last token is still to be evaluated. */
  get isPrefilling(): boolean {
    return this.#isPrepared && !this.isEnded && this.pendingLength > 1;
  }

  /** Whether the next chunk has tokens whose logits are looked at one by one. */
  get isLoggingPrompt(): boolean {
    return this.#parts.promptReader !== null && this.slot.length < this.attempt.promptTokenIds.length;
  }

  /** What the slot was to hold at first, and how an earlier attempt came to it. */
  get wanted(): Wanted {
    return this.#wanted;
  }

  /** The slot holds what it can of the prompt. */
  prepared(checkpoint: CheckpointUse | null): void {
    this.#isPrepared = true;
    const promptTokens = this.attempt.promptTokenIds.length;
    this.#cached = Math.min(this.slot.length, promptTokens);
    const cachedChunkLengths = firstLengths(this.slot.chunkLengths, this.#cached);
    const slot = this.slot.id;
    const cachedPromptTokens = this.#cached;
    const used = checkpoint === null ? {} : { checkpoint };
    this.#parts.onFrame({ kind: "accepted", slot, cachedPromptTokens, cachedChunkLengths, promptTokens, ...used });
  }

  /** The next chunk, at most `lengthMax` tokens: as the first attempt cut it, and what it emitted in small ones. */
  nextChunk(lengthMax: number): Chunk {
    const start = this.slot.length;
    const promptLeft = this.attempt.promptTokenIds.length - start;
    const planned = plannedLength(this.attempt.promptChunkLengths, start);
    const wanted = promptLeft > 0 ? Math.min(promptLeft, planned ?? lengthMax) : smallChunkMax;
    // A model that goes back to checkpoints keeps one before the last token, for a prompt that comes again.
    const room = this.slot.needsCheckpoints && this.pendingLength > 1 ? this.pendingLength - 1 : this.pendingLength;
    // One that was planned for a smaller vocabulary's sake may be cut again: small chunks are all alike.
    const length = Math.min(wanted, room, this.isLoggingPrompt ? lengthMax : room);
    const isLast = length === this.pendingLength;
    // The logits after a token tell the one that follows.
    const logged = this.isLoggingPrompt ? Math.min(length, promptLeft - 1) : 0;
    const logitPlaces = Array.from({ length: logged }, (_, place) => place);
    if (isLast) logitPlaces.push(length - 1);
    return { tokenIds: this.#all.slice(start, start + length), logitPlaces, isLast };
  }

  /** Tells what the chunk that was just evaluated makes of the prompt. */
  async readPrompt(logitIndexes: Uint32Array): Promise<void> {
    const { promptReader } = this.#parts;
    const { promptTokenIds, decoding } = this.attempt;
    const firstIndex = this.#told;
    const end = Math.min(this.slot.length + 1, promptTokenIds.length);
    if (promptReader === null || firstIndex >= end) return;
    // Nothing comes before the first token.
    const logits = firstIndex === 0 ? [null, ...logitIndexes] : [...logitIndexes];
    const tokens = promptTokenIds
      .slice(firstIndex, end)
      .map((id, place) => ({ id, logitIndex: logits[place] ?? null }));
    this.#told = end;
    try {
      const logprobs = await promptReader.read(firstIndex, tokens, decoding.topLogprobs ?? 0);
      this.#parts.onFrame({ kind: "promptLogprobs", logprobs });
    } catch (error) {
      this.fail(toPomonaError(error));
    }
  }

  /** A chunk of more than the last token was evaluated. */
  evaluated(chunkLength: number): void {
    const [evaluatedTokens, totalTokens] = [this.slot.length, this.#all.length];
    this.#parts.onFrame({ kind: "prefill", evaluatedTokens, totalTokens, chunkLength });
  }

  /** Chooses the token after those that were evaluated. */
  async choose(logitIndex: number): Promise<void> {
    if (this.isEnded) return;
    this.#decodeStartedAtMs ??= performance.now();
    try {
      this.#take(await this.sampler.choose(logitIndex, this.attempt.promptTokenIds, this.#emitted));
    } catch (error) {
      this.fail(toPomonaError(error));
    }
  }

  #take({ id, logprobs }: ChosenToken): void {
    const { decoding, promptTokenIds } = this.attempt;
    if (this.#parts.vocabulary.isEnd(id) || decoding.stopTokenIds.includes(id)) {
      this.#endLogprobs = decoding.logsPrompt ? logprobs : null;
      this.end("stop", null);
      return;
    }
    this.#emitted.push(id);
    this.#all.push(id);
    this.#send(id, logprobs);
    const isFull = promptTokenIds.length + this.#emitted.length >= this.#parts.contextLength;
    if (this.#emitted.length >= decoding.maxTokens || isFull) this.end("length", null);
  }

  #send(id: number, logprobs: TokenLogprobs | null): void {
    this.#parts.onFrame({
      kind: "tokens",
      firstIndex: this.#emitted.length - 1,
      ids: [id],
      texts: [this.#parts.vocabulary.bytesOf(id)],
      logprobs: logprobs === null ? null : [logprobs],
    });
  }

  fail(error: PomonaError): void {
    this.hasFailed = true;
    this.end("failed", failureOf(error));
  }

  /** Sends the one ending and lets the slot go. What the slot holds stays for the next prompt. */
  end(reason: FinishReason, failure: GenerationFailure | null): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.sampler.close();
    this.#parts.promptReader?.close();
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
      ...(this.#endLogprobs === null ? {} : { endLogprobs: this.#endLogprobs }),
    };
    this.#parts.onFrame({ kind: "ending", ending });
  }
}

/** The lengths of the first `total` tokens. */
function firstLengths(lengths: readonly number[], total: number): number[] {
  const first: number[] = [];
  let left = total;
  for (const length of lengths) {
    if (left <= 0) break;
    first.push(Math.min(length, left));
    left -= length;
  }
  return first;
}
