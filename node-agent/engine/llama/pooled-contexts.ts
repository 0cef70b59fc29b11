// Embeddings and relevance scores: one vector or number for a whole input, from contexts beside the slots.
import { PomonaError } from "@pomona/shared/core/errors";
import { rankPooling } from "@pomona/shared/core/model-memory";
import type { LlamaEmbeddingContext, LlamaModel, LlamaRankingContext, Token } from "node-llama-cpp";
import { documentTooLong, inputTooLong } from "../check-pooled-call.ts";
import type { Ranking } from "../engine.ts";
import { RankingInput, type RankingTokens } from "./ranking-input.ts";

export type PooledOptions = {
  readonly model: LlamaModel;
  /** Most tokens of one input; 0 opens no context. */
  readonly inputLengthMax: number;
  readonly threads: number;
  /** Runs work of one input while nothing else is evaluated. */
  readonly between: <Result>(work: () => Promise<Result>) => Promise<Result>;
};

/** `context` takes the tokens of `input` as they are. */
type RankingParts = { readonly context: LlamaRankingContext; readonly input: RankingInput };

/** Contexts are opened at their first use: their memory is reserved all the same. */
export class PooledContexts {
  readonly #options: PooledOptions;
  #embedding: Promise<LlamaEmbeddingContext> | null = null;
  #ranking: Promise<RankingParts> | null = null;

  constructor(options: PooledOptions) {
    this.#options = options;
  }

  /**
   * One vector of Euclidean length 1 for each input. The engine reads the vector of one sequence alone, so the inputs are
   * evaluated one after another; between two of them running generations make a step.
   * @throws PomonaError `failed_precondition` when the replica makes no embeddings, `context_length_exceeded` for an input.
   */
  async embed(inputs: readonly (readonly number[])[], signal: AbortSignal): Promise<Float32Array[]> {
    const { model, inputLengthMax, between } = this.#options;
    if (inputLengthMax === 0)
      throw new PomonaError("failed_precondition", "this replica makes no embeddings: set engine.embeddingLength");
    if (model.fileInfo.architectureMetadata.pooling_type === rankPooling)
      throw new PomonaError("failed_precondition", "this model ranks and makes no embeddings");
    const context = await this.#embeddingContext();
    // Token ids of this model; the library brands them, and adds those of the ends.
    const listed = inputs.map((input) => input as Token[]);
    for (const [index, tokens] of listed.entries()) {
      if (tokens.length > inputLengthMax) throw inputTooLong(index, tokens.length, inputLengthMax);
      const length = context.calculateInputLength(tokens);
      if (length > model.trainContextSize) throw inputTooLong(index, length, model.trainContextSize);
    }
    const vectors: Float32Array[] = [];
    for (const tokens of listed) {
      signal.throwIfAborted();
      const { vector } = await between(() => context.getEmbeddingFor(tokens));
      vectors.push(normalized(vector));
    }
    return vectors;
  }

  /**
   * How relevant each document is to the query, 0 to 1.
   * @throws PomonaError `failed_precondition` when the model is no ranking model, `context_length_exceeded` for a
   * document.
   */
  async rank(query: string, documents: readonly string[], signal: AbortSignal): Promise<Ranking> {
    const { model, inputLengthMax, between } = this.#options;
    if (!model.fileInsights.supportsRanking)
      throw new PomonaError("failed_precondition", "this model ranks nothing: it has no classifier");
    if (inputLengthMax === 0)
      throw new PomonaError("failed_precondition", "this replica ranks nothing: set engine.embeddingLength");
    const { context, input } = await this.#rankingContext();
    const listed: RankingTokens[] = [];
    for (const document of documents)
      listed.push(await input.tokensOf(query, document, { keptMax: inputLengthMax, signal }));
    const long = listed.findIndex(({ length }) => length > inputLengthMax);
    if (long !== -1) throw documentTooLong(long, listed[long]?.length ?? 0, inputLengthMax);
    const scores: number[] = [];
    for (const { tokens } of listed) {
      signal.throwIfAborted();
      scores.push(await between(() => context.rank([], [...tokens])));
    }
    return { scores, tokens: listed.map(({ length }) => length) };
  }

  /** One that could not be opened is tried again by the next call. */
  #embeddingContext(): Promise<LlamaEmbeddingContext> {
    const { model, between } = this.#options;
    this.#embedding ??= between(() => model.createEmbeddingContext(this.#sizes));
    return this.#embedding.catch((error: unknown) => {
      this.#embedding = null;
      throw error;
    });
  }

  #rankingContext(): Promise<RankingParts> {
    const { model, between } = this.#options;
    const options = { ...this.#sizes, template: "{{query}}{{document}}" } as const;
    const open = async (): Promise<RankingParts> => ({
      context: await model.createRankingContext(options),
      input: new RankingInput(model),
    });
    this.#ranking ??= between(open);
    return this.#ranking.catch((error: unknown) => {
      this.#ranking = null;
      throw error;
    });
  }

  get #sizes() {
    const { inputLengthMax, threads } = this.#options;
    // A token at each end, and the library wants a context longer than its input.
    const tokens = inputLengthMax + 3;
    return { contextSize: tokens, batchSize: tokens, threads };
  }
}

/** A vector without any direction stays as it is. */
function normalized(vector: readonly number[]): Float32Array {
  const length = Math.hypot(...vector);
  return Float32Array.from(vector, (value) => (length > 0 ? value / length : value));
}
