// The engine port: what a node-agent needs from whatever evaluates a model. Implementations: `llama/` (node-llama-cpp in
// a child process) and `simulated/`. Both pass test/compliance/engine-compliance.ts.

import type { EngineOptions } from "@pomona/shared/core/engine-options";
import type { PomonaError } from "@pomona/shared/core/errors";
import type { Attempt, AttemptFrame, CacheScope, PromptInput } from "@pomona/shared/core/generation";
import type { HeldPrefix } from "@pomona/shared/core/node-status";
import type { AnswerForm } from "@pomona/shared/core/output/answer-form";
import type { ReplicaMemory } from "@pomona/shared/core/replica-memory";
import type { SpeedProfile } from "@pomona/shared/core/speed-profile";

/** What to load, resolved: the file exists, the numbers are decided. */
export type EngineLoadSpec = {
  readonly modelPath: string;
  readonly slots: number;
  /** Tokens per slot. */
  readonly contextLength: number;
  readonly options: EngineOptions & { readonly threads: number };
  /** Looks for values that are no numbers: slow, for a file that is suspected. */
  readonly checksTensors: boolean;
  /** Where sequence states are kept that no slot holds; null keeps none. */
  readonly stateStore: StateStoreSpec | null;
  /** What is thought of its speed before its first step; null when nobody asks. */
  readonly speed: SpeedProfile | null;
};

export type StateStoreSpec = {
  /** For states of one model file alone: those of another would be nonsense. */
  readonly directory: string;
  readonly ramBytes: number;
  readonly diskBytes: number;
  /** Flash memory wears out. */
  readonly diskWriteBytesPerDay: number;
  readonly kvBytesPerToken: number;
};

/** The KV of one sequence, on its way from one replica to an equal one. */
export type SequenceState = {
  /** Whose prompts may use it. */
  readonly scope: CacheScope;
  readonly tokenIds: readonly number[];
  /** How its tokens were evaluated, see core/chunk-record.ts. */
  readonly chunkLengths: readonly number[];
  /** Of the file that holds it. */
  readonly bytes: number;
};

/** One for a request that may go on here, in a file that is its owner's to delete. */
export type AdoptedState = SequenceState & {
  readonly requestId: string;
  readonly path: string;
  /** Of the file, when it came. */
  readonly crc32: number;
};

/** Starts replicas. */
export type Engine = {
  /** Name and version, e.g. `node-llama-cpp 3.21.1`: part of what makes two replicas equal. */
  readonly build: string;
  /**
   * Resolves when the replica answers.
   * @throws PomonaError `invalid_model` with the engine's reason, `insufficient_memory`, `engine_crashed`, `cancelled`.
   */
  load(spec: EngineLoadSpec, signal: AbortSignal): Promise<EngineReplica>;
};

/** One loaded model with its slots. */
export type EngineReplica = {
  readonly info: EngineReplicaInfo;
  /** The sequences that it holds now, as far as they are at least a block long. */
  readonly held: readonly HeldPrefix[];
  /** What its steps have shown; null when it was loaded without anything to begin with. */
  readonly speed: SpeedProfile | null;
  /**
   * Starts an attempt at once in the slot with the longest common prefix, else the lowest free one. `onFrame` gets one
   * accepted frame, prefill and token frames, and exactly one ending, whatever happens, even when the engine dies
   * (reason `failed`, code `engine_crashed`). Tokens that are ready in the same tick come in one frame.
   * @throws PomonaError `slots_full`, `context_length_exceeded`, `invalid_request` before anything is evaluated;
   * `engine_crashed` or `node_lost` when the engine has gone.
   */
  generate(attempt: Attempt, onFrame: (frame: AttemptFrame) => void): void;
  /** Ends an attempt with reason `cancelled` between two steps; does nothing when it is not running. */
  cancel(requestId: string, epoch: number): void;
  /**
   * Renders the chat template where the input is a chat, and puts the model's own tokens around a gap.
   * @throws PomonaError `invalid_request`, naming `suffix` where the model was not made to fill gaps; `engine_crashed`.
   */
  tokenize(input: TokenizeInput, signal: AbortSignal): Promise<TokenizedPrompt>;
  /**
   * One vector of length 1 for each input, in order. Aborting the signal leaves the rest out.
   * @throws PomonaError `failed_precondition` when the replica makes none; `invalid_request`, `context_length_exceeded`
   * naming the input.
   */
  embed(inputs: readonly (readonly number[])[], signal: AbortSignal): Promise<readonly Float32Array[]>;
  /**
   * How relevant each document is to the query.
   * @throws PomonaError `failed_precondition` when the model ranks nothing; `invalid_request`,
   * `context_length_exceeded` naming the document.
   */
  rank(query: string, documents: readonly string[], signal: AbortSignal): Promise<Ranking>;
  /**
   * Writes the KV of a running attempt, as far as it has come, into a file that its owner alone can read. Between two
   * steps: what runs beside it waits for so long.
   * @throws PomonaError `failed_precondition` while its prompt is evaluated, or when the model's KV cannot be moved;
   * `not_found` when it does not run; `engine_crashed`.
   */
  saveState(requestId: string, epoch: number, path: string): Promise<SequenceState>;
  /** Its request may use it from now on, until it is dropped. Its file is looked at when it does. */
  adoptState(state: AdoptedState): void;
  /** Nobody begins to read the file any more. */
  dropState(path: string): void;
  /** Resolves once, when the replica is gone: null after `close()`, the reason when it died. */
  readonly exited: Promise<PomonaError | null>;
  /** Ends running attempts as failed with `node_lost`, retryable, and gives everything back. */
  close(): Promise<void>;
};

/** Both in the order of the documents. */
export type Ranking = {
  /** 0 to 1. */
  readonly scores: readonly number[];
  /** Of each document, with the query and all between. */
  readonly tokens: readonly number[];
};

export type EngineReplicaInfo = {
  readonly contextLength: number;
  /** Most tokens of one input for embeddings and ranking; 0 where it makes neither. */
  readonly inputLengthMax: number;
  readonly slots: number;
  readonly vocabularySize: number;
  readonly hasChatTemplate: boolean;
  /** Process id of the worker; null when the engine runs in this process. */
  readonly pid: number | null;
  /** What Metal recommends to have in use at most, as the engine knows it; null without Metal. */
  readonly workingSetBytes: number | null;
  /** What the engine itself reports after the load. */
  readonly memory: ReplicaMemory;
};

/** A prompt, or an input for a vector: a text in which nothing becomes a special token. */
export type TokenizeInput = PromptInput | { readonly kind: "plainText"; readonly text: string };

export type TokenizedPrompt = {
  /** All of them, or the beginning of a prompt that no slot takes. */
  readonly tokenIds: readonly number[];
  /** Tokens of such a prompt that are counted and not listed; else 0. */
  readonly tokensLeftOut: number;
  /** Texts that end an answer in this model's chat template, beside its end-of-generation tokens. */
  readonly stop: readonly string[];
  /** End the answer, beside the model's end-of-generation tokens; none by default. */
  readonly stopTokenIds?: readonly number[];
  readonly form: AnswerForm;
  /** Tokens of the system's messages at the beginning that others may reuse; 0 where the chat does not say so. */
  readonly sharedTokens: number;
};
