// One generation as both processes see it: plain values, no wire format. Durations are milliseconds.
import type { ErrorCode } from "./errors.ts";

/** How the next token is drawn. Every field is set; see `defaultSampling`. */
export type Sampling = {
  /** 0 is greedy. */
  readonly temperature: number;
  /** Keep the K most likely; 0 keeps all. */
  readonly topK: number;
  /** Keep the smallest set that sums to P; 1 keeps all. */
  readonly topP: number;
  /** Drop tokens less likely than this share of the most likely; 0 drops none. */
  readonly minP: number;
  /** Integer from 0 to 2^53-1. */
  readonly seed: number;
  /** 1 does nothing. */
  readonly repeatPenalty: number;
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  readonly logitBias: readonly LogitBias[];
};

export type LogitBias = { readonly tokenId: number; readonly bias: number };

/** Greedy, with nothing switched on. */
export const defaultSampling: Sampling = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  seed: 0,
  repeatPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  logitBias: [],
};

export type ChatMessage = {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
};

/** What a model is asked to continue. */
export type PromptInput =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "chat"; readonly messages: readonly ChatMessage[] }
  | { readonly kind: "tokens"; readonly tokenIds: readonly number[] };

/** How a generation ended. Exactly one of these per request. */
export type FinishReason = "stop" | "length" | "cancelled" | "expired" | "failed";

export type GenerationFailure = {
  readonly code: ErrorCode;
  readonly message: string;
  readonly isRetryable: boolean;
};

export type Usage = {
  readonly promptTokens: number;
  /** Prompt tokens that the slot's KV already held. */
  readonly cachedPromptTokens: number;
  readonly generatedTokens: number;
};

export type Timings = { readonly queueMs: number; readonly prefillMs: number; readonly decodeMs: number };

/** The last frame. `failure` is set when the reason is `failed` or `expired`, else null. */
export type Ending = {
  readonly reason: FinishReason;
  readonly failure: GenerationFailure | null;
  readonly usage: Usage;
  readonly timings: Timings;
};

/** One attempt of a request on a replica: what `Node.Generate` carries. */
export type Attempt = {
  readonly requestId: string;
  /** Counts the attempts of a request from 1. */
  readonly epoch: number;
  readonly replicaId: string;
  readonly promptTokenIds: readonly number[];
  /** Prefill chunks of the first attempt, in order; empty on the first. */
  readonly promptChunkLengths: readonly number[];
  /** What earlier epochs sent; the first token of this attempt has index `emittedTokenIds.length`. */
  readonly emittedTokenIds: readonly number[];
  readonly sampling: Sampling;
  /** Generated tokens in all, emitted ones included; at least 1. */
  readonly maxTokens: number;
  readonly stopTokenIds: readonly number[];
};

/** What an attempt sends: one accepted, prefill after each chunk, tokens, exactly one ending, in this order. */
export type AttemptFrame =
  | {
      readonly kind: "accepted";
      readonly slot: number;
      readonly cachedPromptTokens: number;
      readonly promptTokens: number;
    }
  | {
      readonly kind: "prefill";
      /** Tokens in the slot's KV, reused ones included. */
      readonly evaluatedTokens: number;
      readonly totalTokens: number;
      /** Length of the chunk just evaluated. */
      readonly chunkLength: number;
    }
  | {
      readonly kind: "tokens";
      readonly firstIndex: number;
      /** Same length as `texts`. */
      readonly ids: readonly number[];
      /** UTF-8 bytes of each token; a character may be cut between two tokens. */
      readonly texts: readonly Uint8Array[];
    }
  | { readonly kind: "ending"; readonly ending: Ending };
