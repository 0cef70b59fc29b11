// Tokens of a text that may be far too long: made in pieces, between which streams go on, and kept as far as anybody can use them.
import { setImmediate } from "node:timers/promises";
import type { LlamaModel, Token } from "node-llama-cpp";
import { piecesOf } from "../../core/text-pieces.ts";

/** For so long the streams of the node wait at a time. */
const turnMs = 10;

/**
 * Gets SentencePiece's space in the place of what follows it, and is part of no longer token. Source: codellama,
 * llama/tokenizer.py, encode_infilling; mistral-common.
 */
const lead = "☺";

export type CountLimits = {
  /** Tokens that are kept; those behind are only counted. */
  readonly keptMax: number;
  /** Aborting it leaves the rest out, and throws its reason. */
  readonly signal: AbortSignal;
};

type AddedText = {
  readonly readsSpecial: boolean;
  /** Whether it goes on with another one: SentencePiece puts a space before the first word of all else. */
  readonly isBegun?: boolean;
};

export class TokenCount {
  readonly tokens: Token[] = [];
  /** How many there are that are not kept. */
  leftOut = 0;
  readonly #model: LlamaModel;
  readonly #limits: CountLimits;
  readonly #isSentencePiece: boolean;
  /** In tokens; null before it was needed. */
  #leadLength: number | null = null;
  #isBegun = false;
  #turnEndsMs = performance.now() + turnMs;

  constructor(model: LlamaModel, limits: CountLimits) {
    this.#model = model;
    this.#limits = limits;
    this.#isSentencePiece = model.fileInfo.metadata.tokenizer.ggml.model === "llama";
  }

  /** Adds the tokens of a text behind those of others. The first one begins as a text does, unless something is said of it. */
  async add(text: string, { readsSpecial, isBegun = this.#isBegun }: AddedText): Promise<void> {
    this.#isBegun = isBegun;
    for (const piece of piecesOf(text)) {
      if (performance.now() > this.#turnEndsMs) await this.#nextTurn();
      this.addTokens(this.#isBegun ? this.#continued(piece, readsSpecial) : this.#model.tokenize(piece, readsSpecial));
      this.#isBegun = true;
    }
  }

  /** Without SentencePiece's space, which the library leaves before an empty line, and behind a special token. */
  #continued(text: string, readsSpecial: boolean): readonly Token[] {
    if (!this.#isSentencePiece) return this.#model.tokenize(text, readsSpecial, "trimLeadingSpace");
    this.#leadLength ??= this.#model.tokenize(lead).length;
    return this.#model.tokenize(lead + text, readsSpecial).slice(this.#leadLength);
  }

  addTokens(tokens: readonly Token[]): void {
    const room = Math.max(0, this.#limits.keptMax - this.tokens.length);
    for (const token of room >= tokens.length ? tokens : tokens.slice(0, room)) this.tokens.push(token);
    this.leftOut += Math.max(0, tokens.length - room);
  }

  async #nextTurn(): Promise<void> {
    await setImmediate();
    this.#limits.signal.throwIfAborted();
    this.#turnEndsMs = performance.now() + turnMs;
  }
}

/** The tokens of a text that holds no special ones. */
export async function countTokens(model: LlamaModel, text: string, limits: CountLimits): Promise<TokenCount> {
  const count = new TokenCount(model, limits);
  await count.add(text, { readsSpecial: false });
  return count;
}
