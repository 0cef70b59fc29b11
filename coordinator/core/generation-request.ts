// What every API adapter translates into, and what it gets back. One internal request, one stream of events.
import type { PomonaError } from "@pomona/shared/core/errors";
import type { Ending, PromptInput, Sampling } from "@pomona/shared/core/generation";
import type { ModelName, NodeId, RequestId } from "@pomona/shared/core/ids";

/** A validated request of any API. */
export type GenerationRequest = {
  /** The API that it came by: a label of metrics. */
  readonly api: "openai" | "grpc";
  readonly model: ModelName;
  readonly input: PromptInput;
  /** Without a seed the coordinator draws one. */
  readonly sampling: Omit<Sampling, "seed"> & { readonly seed: number | null };
  /** null means the rest of the context. */
  readonly maxTokens: number | null;
  /** The answer ends before the first of these; 16 at most. */
  readonly stop: readonly string[];
  /** From the arrival; null means the pool's default. */
  readonly timeoutMs: number | null;
};

/** What a client sees of a request, in this order; `bound` and `progress` may come again after a resume. */
export type GenerationEvent =
  | {
      readonly kind: "bound";
      readonly nodeId: NodeId;
      readonly epoch: number;
      readonly queueMs: number;
      readonly seed: number;
    }
  | { readonly kind: "progress"; readonly evaluatedTokens: number; readonly totalTokens: number }
  /** Whole UTF-8 characters with stop strings removed. `lastIndex` is the index of the last token it is made of. */
  | { readonly kind: "text"; readonly text: string; readonly lastIndex: number }
  | { readonly kind: "ending"; readonly ending: Ending };

/** A request that was admitted: its id, and its events until the ending. */
export type Generation = {
  readonly requestId: RequestId;
  /** Ends after the `ending` event. Leaving the loop early cancels the request. */
  readonly events: AsyncIterable<GenerationEvent>;
};

export type ModelState = "ready" | "loading" | "failed" | "unplaced";

export type ModelSummary = {
  readonly name: ModelName;
  readonly state: ModelState;
  /** Why it is not ready; empty when it is. */
  readonly reason: string;
  /** Tokens per slot; 0 while unknown. */
  readonly contextLength: number;
  readonly readyReplicas: number;
  readonly createdAtMs: number;
};

export type Readiness = { readonly isReady: boolean; readonly reasons: readonly string[] };

/** What the API adapters (http, grpc) use of the coordinator. */
export type Gateway = {
  /**
   * Validates against the pool, tokenizes, queues. Aborting the signal cancels the request wherever it is.
   * @throws PomonaError `model_not_found`, `context_length_exceeded`, `model_not_ready`, `model_failed`, `queue_full`, ...
   */
  generate(request: GenerationRequest, signal: AbortSignal): Promise<Generation>;
  /** Events of a running generation from a token index on. @throws PomonaError `not_found`. */
  attach(requestId: RequestId, fromIndex: number, signal: AbortSignal): Generation;
  tokenize(model: ModelName, input: PromptInput, signal: AbortSignal): Promise<readonly number[]>;
  models(): readonly ModelSummary[];
  readiness(): Readiness;
  /** Prometheus text exposition of the pool. */
  metricsText(): Promise<string>;
  /** Counts a request that ended without being admitted. */
  countRefusal(api: GenerationRequest["api"], model: ModelName, error: PomonaError): void;
};
