// One side of the comparison: something that evaluates a model in a process of its own.
import { characterTokenId, firstPieceTokenId } from "@pomona/shared/core/gguf/vocabulary";

export type Contender = {
  readonly name: string;
  /** The process that does the work. */
  readonly pid: number;
  /**
   * Greedy, without looking at an end token; `onTokens` gets how many tokens there are by now.
   * @throws Error when not exactly `maxTokens` came.
   */
  generate(request: BenchRequest, onTokens: (generated: number) => void): Promise<void>;
  close(): Promise<void>;
};

/** Of both sides. */
export const slotCount = 8;
/** Tokens a slot. */
export const contextLength = 1024;

export type BenchRequest = {
  readonly promptTokenIds: readonly number[];
  readonly maxTokens: number;
  /** Streams at the same time count from 0: only neighbouring slots are evaluated together. */
  readonly slot: number;
};

/** Tokens that prompts are made of. */
export type PromptTokens = { readonly first: number; readonly count: number };

/** Whole pieces that every random model has. */
export const pieces: PromptTokens = { first: firstPieceTokenId, count: 31_000 };
/** What every model of the writer has. */
export const characters: PromptTokens = { first: characterTokenId(" "), count: 95 };

let promptState = 1;

/** Never the same twice, so that no prefix is reused. Linear congruential generator of Numerical Recipes. */
export function nextPrompt(length: number, { first, count }: PromptTokens): number[] {
  return Array.from({ length }, () => {
    promptState = (Math.imul(promptState, 1_664_525) + 1_013_904_223) >>> 0;
    return first + (Math.floor(promptState / 65_536) % count);
  });
}
