// The port between the API adapters (http/, grpc/) and the coordinator's loop. Types only, so that adapters know no loop.
import type { PomonaError } from "@pomona/shared/core/errors";
import type { PromptInput } from "@pomona/shared/core/generation";
import type { ModelName, RequestId } from "@pomona/shared/core/ids";
import type {
  ApiName,
  Caller,
  CountedPrompt,
  GenerationEvent,
  GenerationRequest,
  ModelSummary,
  Readiness,
} from "./core/generation-request.ts";
import type { Embeddings, EmbedRequest, RankRequest, Relevance } from "./core/pooled-request.ts";
import type { RequestName } from "./named-requests.ts";
import type { RequestHistory } from "./request-history.ts";

/** A request that was admitted: its id, and its events until the ending. */
export type Generation = {
  readonly requestId: RequestId;
  /** Ends after the `ending` event. Leaving the loop early cancels the request. */
  readonly events: AsyncIterable<GenerationEvent>;
};

/** What the API adapters (http, grpc) use of the coordinator. */
export type Gateway = {
  /**
   * Validates against the pool, tokenizes, queues. Aborting the signal cancels the request wherever it is.
   * @throws PomonaError `model_not_found`, `context_length_exceeded`, `model_not_ready`, `model_failed`, `queue_full`, ...
   */
  generate(request: GenerationRequest, caller: Caller): Promise<Generation>;
  /**
   * Events of a generation from a token index on, while it runs, and for a moment after its end when somebody may come back.
   * @throws PomonaError `not_found`; `model_not_ready` while what an earlier coordinator left is still taken up.
   */
  attach(requestId: RequestId, fromIndex: number, signal: AbortSignal): Generation;
  /** Ends a request at once, by its id, or by the name that its client has given it. Does nothing when it is not here. */
  cancel(request: RequestId | Pick<RequestName, "tenant" | "idempotencyKey">): void;
  /** @throws PomonaError as `generate`, but for prompts that are too long. */
  tokenize(model: ModelName, input: PromptInput, signal: AbortSignal): Promise<CountedPrompt>;
  /**
   * One vector of length 1 for each input, from as many replicas as there are. Counted here, whatever becomes of it.
   * @throws PomonaError `invalid_request` naming the model where it makes none, `context_length_exceeded` naming the
   * input, and as `generate`.
   */
  embed(request: EmbedRequest, caller: Caller): Promise<Embeddings>;
  /** How relevant each document is. Counted here. @throws PomonaError as `embed`. */
  rank(request: RankRequest, caller: Caller): Promise<Relevance>;
  /** Why a request went where it went. @throws PomonaError `not_found` when it is not among the last 1,000. */
  explain(requestId: RequestId): RequestHistory;
  models(): readonly ModelSummary[];
  readiness(): Readiness;
  /** Prometheus text exposition of the pool. */
  metricsText(): Promise<string>;
  /** Counts a request that ended without being admitted. */
  countRefusal(api: ApiName, model: ModelName, error: PomonaError): void;
};
