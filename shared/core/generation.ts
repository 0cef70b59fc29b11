// One generation as both processes see it: plain values, no wire format. Durations are milliseconds.
import { type ErrorCode, PomonaError, type QueueOutlook } from "./errors.ts";
import type { PromptLogprobs } from "./prompt-logprobs.ts";

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
  /** Keep the tokens about as surprising as is expected, until they sum to this; 1 keeps all. */
  readonly typicalP: number;
  /** Integer from 0 to 2^53-1. */
  readonly seed: number;
  /** 1 does nothing. */
  readonly repeatPenalty: number;
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  /** Generated tokens that the penalties look back on, 1 to `penaltyLastTokensMax`. */
  readonly penaltyLastTokens: number;
  /** Against loops; null is off. */
  readonly dry: DrySampling | null;
  readonly logitBias: readonly LogitBias[];
};

/** More than any answer has. */
export const penaltyLastTokensMax = 2 ** 20;

/**
 * "Don't repeat yourself": a token that would lengthen a repetition of `n` tokens loses
 * multiplier x base^(n - allowedLength). Source: p-e-w, oobabooga/text-generation-webui #5677; llama.cpp's dry sampler.
 */
export type DrySampling = {
  /** More than 0. */
  readonly multiplier: number;
  /** At least 1; 1.75 by default. */
  readonly base: number;
  /** Longest repetition that costs nothing; 2 by default. */
  readonly allowedLength: number;
  /** How far back it looks, the prompt included; 1,024 tokens by default. */
  readonly lastTokens: number;
};

export type LogitBias = { readonly tokenId: number; readonly bias: number };

/** Greedy, with nothing switched on. */
export const defaultSampling: Sampling = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  typicalP: 1,
  seed: 0,
  repeatPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  penaltyLastTokens: 64,
  dry: null,
  logitBias: [],
};

export type ChatMessage = {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
  /** Thoughts of an assistant's message, for templates that want them back. */
  readonly reasoning?: string;
  /** Tools that an assistant's message called. */
  readonly toolCalls?: readonly ToolCall[];
  /** Which call a tool's message answers. */
  readonly toolCallId?: string;
  /** Name of the speaker, or of the tool. */
  readonly name?: string;
};

/** `arguments` is a JSON text as the model wrote it. */
export type ToolCall = { readonly id: string; readonly name: string; readonly arguments: string };

/** `where-possible`: only for schemas that a grammar can keep a model to. */
export type Strictness = "always" | "where-possible";

export type ToolDefinition = {
  readonly name: string;
  readonly description?: string;
  /** A JSON schema. */
  readonly parameters: unknown;
  /**
   * Whether the calls that a model makes of its own accord are held to the schema; they are not where it is absent. Calls
   * that have to be made always are.
   */
  readonly strict?: Strictness;
};

export type Chat = {
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly ToolDefinition[];
  /** Others may reuse what the system's messages at the beginning leave: they are no secret. */
  readonly isSystemShared?: boolean;
  /**
   * Whether the answer goes on from the end of the last message, which is the assistant's, says something and calls no tool;
   * false by default.
   */
  readonly continuesLast?: boolean;
  /** What else a template may ask for, such as `enable_thinking` or `reasoning_effort`. */
  readonly templateOptions?: Readonly<Record<string, string | number | boolean>>;
};

/** What a model is asked to continue. */
export type PromptInput =
  | { readonly kind: "text"; readonly text: string }
  | ({ readonly kind: "chat" } & Chat)
  /** The text between two others; models say whether they were made for it. */
  | { readonly kind: "infill"; readonly prefix: string; readonly suffix: string }
  | { readonly kind: "tokens"; readonly tokenIds: readonly number[] };

/** How a generation ended. Exactly one of these per request. */
export type FinishReason = "stop" | "length" | "cancelled" | "expired" | "failed";

export type GenerationFailure = {
  readonly code: ErrorCode;
  readonly message: string;
  readonly isRetryable: boolean;
  /** When to try again, where something is known. */
  readonly retryAfterMs?: number;
  /** How full the pool is, where that is the reason. */
  readonly queue?: QueueOutlook;
  /** The field of the request that was wrong, where it is a single one. */
  readonly field?: string;
};

/** An error as an ending carries it. */
export function failureOf({ code, message, isRetryable, retryAfterMs, queue, field }: PomonaError): GenerationFailure {
  return {
    code,
    message,
    isRetryable,
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
    ...(queue === null ? {} : { queue }),
    ...(field === null ? {} : { field }),
  };
}

/** What an ending carries, to be thrown. */
export function errorOf({ code, message, retryAfterMs, queue, field }: GenerationFailure): PomonaError {
  return new PomonaError(code, message, {
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(queue === undefined ? {} : { queue }),
    ...(field === undefined ? {} : { field }),
  });
}

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
  /** Of the token that ended the answer and is no part of it, where the prompt's were asked for. */
  readonly endLogprobs?: TokenLogprobs;
};

/** Who may reuse what a prompt leaves in slots and saved states. */
export type CacheScope = {
  /** Only prompts of the same owner do: being fast would tell others what was asked before. Empty is the pool's own. */
  readonly owner: string;
  /** But for the first tokens of prompts that say so, such as a system prompt that everybody uses. */
  readonly sharedTokens: number;
};

/** Nothing is shared with others. */
export function ownScope(owner: string): CacheScope {
  return { owner, sharedTokens: 0 };
}

/** How many tokens at most a prompt may take over from another one. */
export function sharedBetween(one: CacheScope, other: CacheScope): number {
  return one.owner === other.owner ? Number.POSITIVE_INFINITY : Math.min(one.sharedTokens, other.sharedTokens);
}

/** How a request is decoded: the same for all its attempts. */
export type Decoding = {
  readonly sampling: Sampling;
  /** Generated tokens in all, whatever the attempt; at least 1. */
  readonly maxTokens: number;
  /** End the generation beside the model's own end-of-generation tokens. */
  readonly stopTokenIds: readonly number[];
  /** GBNF with a rule `root` that the whole answer has to match; null is free. */
  readonly grammar: string | null;
  /** Most likely tokens that are told with each token, 0 to 20; null tells no log-probabilities at all. */
  readonly topLogprobs: number | null;
  /** Whether those of the prompt's tokens are told too: all of it is evaluated then. Only where `topLogprobs` is set. */
  readonly logsPrompt: boolean;
  readonly cacheScope: CacheScope;
};

/** Greedy and free. */
export const defaultDecoding: Decoding = {
  sampling: defaultSampling,
  maxTokens: 16,
  stopTokenIds: [],
  grammar: null,
  topLogprobs: null,
  logsPrompt: false,
  cacheScope: ownScope(""),
};

/** Natural logarithms of the probabilities that the model itself gives, before temperature and filters. */
export type TokenLogprobs = {
  readonly logprob: number;
  /** Most likely first. */
  readonly top: readonly TopLogprob[];
};

export type TopLogprob = { readonly id: number; readonly text: Uint8Array; readonly logprob: number };

/** One attempt of a request on a replica: what `Node.Generate` carries. */
export type Attempt = {
  readonly requestId: string;
  /** Counts the attempts of a request from 1. */
  readonly epoch: number;
  readonly replicaId: string;
  readonly promptTokenIds: readonly number[];
  /** How the prompt came into the slot the first time, see `AttemptFrame`; empty on the first attempt. */
  readonly promptChunkLengths: readonly number[];
  /** What earlier epochs sent; the first token of this attempt has index `emittedTokenIds.length`. */
  readonly emittedTokenIds: readonly number[];
  readonly decoding: Decoding;
  /** How long it goes on, and is kept, when nobody reads it any more; 0 to `orphanMsMax`. 0 ends it at once. */
  readonly orphanMs: number;
  /** What a coordinator that takes the request up has to know beside all this; opaque, `takeoverBytesMax` at most. */
  readonly takeover: Uint8Array;
};

export const orphanMsMax = 60_000;
export const takeoverBytesMax = 64 * 1024;

/** Of an attempt that ends with its reader. */
export const endsUnread: Pick<Attempt, "orphanMs" | "takeover"> = { orphanMs: 0, takeover: new Uint8Array(0) };

/**
 * What became of a state that another node had saved of this prompt: the slot holds it, or it could not be had and the
 * prompt is evaluated.
 */
export type CheckpointUse = "restored" | "failed";

/**
 * What an attempt sends: one accepted, prefill after each chunk, with the log-probabilities of its tokens where they were
 * asked for, tokens, exactly one ending, in this order.
 */
export type AttemptFrame =
  | {
      readonly kind: "accepted";
      readonly slot: number;
      readonly cachedPromptTokens: number;
      /** Lengths of the batches in which the cached tokens were once evaluated; they sum to `cachedPromptTokens`. */
      readonly cachedChunkLengths: readonly number[];
      readonly promptTokens: number;
      /** Absent where there was none, or none that was worth it. */
      readonly checkpoint?: CheckpointUse;
    }
  | {
      readonly kind: "prefill";
      /** Tokens in the slot's KV, reused ones included. */
      readonly evaluatedTokens: number;
      readonly totalTokens: number;
      /** Length of the chunk just evaluated. */
      readonly chunkLength: number;
    }
  | { readonly kind: "promptLogprobs"; readonly logprobs: PromptLogprobs }
  | {
      readonly kind: "tokens";
      readonly firstIndex: number;
      /** Same length as `texts`. */
      readonly ids: readonly number[];
      /** UTF-8 bytes of each token; a character may be cut between two tokens. */
      readonly texts: readonly Uint8Array[];
      /** Same length as `ids`, or null where they were not asked for. */
      readonly logprobs: readonly TokenLogprobs[] | null;
    }
  | { readonly kind: "ending"; readonly ending: Ending };
