// Embeddings and relevance scores: one vector or number for a whole input, from contexts beside the slots.
import { PomonaError } from "@pomona/shared/core/errors";
import type { LlamaEmbeddingContext, LlamaModel, LlamaRankingContext, Token } from "node-llama-cpp";
import { inputTooLong } from "../check-pooled-call.ts";

export type PooledOptions = {
  readonly model: LlamaModel;
  /** Most tokens of one input; 0 opens no context. */
  readonly inputLengthMax: number;
  readonly threads: number;
  /** Runs work of one input while nothing else is evaluated. */
  readonly between: <Result>(work: () => Promise<Result>) => Promise<Result>;
};

/** Contexts are opened at their first use: their memory is reserved all the same. */
export class PooledContexts {
  readonly #options: PooledOptions;
  #embedding: Promise<LlamaEmbeddingContext> | null = null;
  #ranking: Promise<LlamaRankingContext> | null = null;

  constructor(options: PooledOptions) {
    this.#options = options;
  }

  /**
   * One vector of Euclidean length 1 for each input. The engine reads the vector of one sequence alone, so the inputs are
   * evaluated one after another; between two of them running generations make a step.
   * @throws PomonaError `failed_precondition` when the replica makes no embeddings, `invalid_request` for an input.
   */
  async embed(inputs: readonly (readonly number[])[], signal: AbortSignal): Promise<Float32Array[]> {
    const { model, inputLengthMax, threads, between } = this.#options;
    if (inputLengthMax === 0)
      throw new PomonaError("failed_precondition", "this replica makes no embeddings: set engine.embeddingLength");
    const sizes = { contextSize: inputLengthMax + 2, batchSize: inputLengthMax + 2, threads };
    this.#embedding ??= between(() => model.createEmbeddingContext(sizes));
    const context = await this.#embedding;
    const vectors: Float32Array[] = [];
    for (const [index, input] of inputs.entries()) {
      signal.throwIfAborted();
      if (input.length > inputLengthMax) throw inputTooLong(index, input.length, inputLengthMax);
      // Token ids of this model; the library brands them.
      const { vector } = await between(() => context.getEmbeddingFor(input as Token[]));
      vectors.push(normalized(vector));
    }
    return vectors;
  }

  /**
   * How relevant each document is to the query, 0 to 1.
   * @throws PomonaError `failed_precondition` when the model is no ranking model, `invalid_request` for a document.
   */
  async rank(query: string, documents: readonly string[], signal: AbortSignal): Promise<number[]> {
    const { model, inputLengthMax, threads, between } = this.#options;
    if (!model.fileInsights.supportsRanking)
      throw new PomonaError("failed_precondition", "this model ranks nothing: it has no classifier");
    const sizes = { contextSize: inputLengthMax + 2, batchSize: inputLengthMax + 2, threads };
    this.#ranking ??= between(() => model.createRankingContext(sizes));
    const context = await this.#ranking;
    const scores: number[] = [];
    for (const [index, document] of documents.entries()) {
      signal.throwIfAborted();
      const length = context.calculateInputLength(query, document);
      if (length > inputLengthMax) throw inputTooLong(index, length, inputLengthMax);
      scores.push(await between(() => context.rank(query, document)));
    }
    return scores;
  }
}

/** A vector without any direction stays as it is. */
function normalized(vector: readonly number[]): Float32Array {
  const length = Math.hypot(...vector);
  return Float32Array.from(vector, (value) => (length > 0 ? value / length : value));
}
