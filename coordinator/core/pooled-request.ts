// Requests that want numbers of whole inputs: vectors, or how relevant documents are. What adapters translate into, and
// which models take them.
import { PomonaError } from "@pomona/shared/core/errors";
import type { PromptInput } from "@pomona/shared/core/generation";
import type { ModelName, NodeId } from "@pomona/shared/core/ids";
import type { ApiName } from "./generation-request.ts";
import type { ClusterState } from "./state.ts";

/** Most inputs of one request: the OpenAI API's limit. */
export const pooledInputsMax = 2048;

type PooledRequest = {
  /** The API that it came by: a label of metrics. */
  readonly api: ApiName;
  readonly model: ModelName;
  /** From the arrival; null means the pool's default. */
  readonly timeoutMs: number | null;
  /** What an error calls an input, or a document. */
  readonly fieldOf: (index: number) => string;
};

export type EmbedInput = Exclude<PromptInput, { kind: "chat" | "infill" }>;

export type EmbedRequest = PooledRequest & {
  readonly inputs: readonly EmbedInput[];
  /** Cuts vectors to their first so many values, and makes their length 1 again; null leaves them whole. */
  readonly dimensions: number | null;
};

export type RankRequest = PooledRequest & { readonly query: string; readonly documents: readonly string[] };

/** Who answered, and what it cost. */
export type PooledUse = {
  /** The first of the nodes that evaluated a part of it. */
  readonly nodeId: NodeId;
  /** Until that took its part. */
  readonly queueMs: number;
  readonly promptTokens: number;
};

/** Vectors of length 1, in the order of the inputs. */
export type Embeddings = PooledUse & { readonly vectors: readonly Float32Array[] };

/** 0 to 1, in the order of the documents. */
export type Relevance = PooledUse & { readonly scores: readonly number[] };

export type PooledKind = "embed" | "rank";

/** The refusal of a model that cannot do it; null where it can, or nobody knows yet. */
export function refusePooled(state: ClusterState, model: ModelName, kind: PooledKind): PomonaError | null {
  const deployment = state.deployments.get(model);
  if (deployment === undefined) return null;
  const wanted = deployment.record.spec.engine.embeddingLength;
  const sizing = deployment.facts?.sizing ?? null;
  const pooling = sizing?.pooling ?? { embeds: true, ranks: true };
  if (kind === "embed" && !pooling.embeds) return unable(model, "ranks documents and makes no embeddings");
  if (kind === "rank" && !pooling.ranks) return unable(model, "ranks nothing: it has no classifier");
  if ((sizing === null ? wanted : sizing.embeddingLengthFor(wanted)) !== 0) return null;
  const does = kind === "embed" ? "makes no embeddings" : "ranks nothing";
  return unable(model, `${does} here: set engine.embeddingLength of its deployment, the most tokens of one input`);
}

export function unable(model: ModelName, reason: string): PomonaError {
  return new PomonaError("invalid_request", `model ${model} ${reason}`, { field: "model" });
}

/** A vector's first values, of length 1 again. @throws PomonaError `invalid_request` when it has fewer. */
export function shortened(vector: Float32Array, dimensions: number | null): Float32Array {
  if (dimensions === null || dimensions === vector.length) return vector;
  if (dimensions > vector.length) {
    const message = `dimensions is ${dimensions}: the model's embeddings have ${vector.length}`;
    throw new PomonaError("invalid_request", message, { field: "dimensions" });
  }
  const short = vector.subarray(0, dimensions);
  const length = Math.sqrt(short.reduce((sum, value) => sum + value * value, 0));
  return length > 0 ? short.map((value) => value / length) : short;
}

/** The places of documents and their scores, the most relevant first, equal ones as they came; null means all. */
export function mostRelevant(
  scores: readonly number[],
  count: number | null,
): { readonly index: number; readonly score: number }[] {
  const ranked = scores.map((score, index) => ({ index, score })).sort((a, b) => b.score - a.score);
  return count === null ? ranked : ranked.slice(0, count);
}
