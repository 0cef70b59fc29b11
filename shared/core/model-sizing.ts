// What a model needs, as a function of how it is run.
import type { ModelCard } from "./model-card.ts";
import {
  contextLengthFor,
  embeddingLengthFor,
  estimateReplicaMemory,
  type ModelShape,
  type Pooling,
  type ReplicaShape,
} from "./model-memory.ts";
import type { ReplicaMemory } from "./replica-memory.ts";

/** Of one model's files. */
export type ModelSizing = {
  /** Tokens per slot: what is wanted, else the smaller of the trained context and 8,192. */
  readonly contextLengthFor: (wanted: number | null) => number;
  /** What one replica needs. */
  readonly memoryFor: (replica: ReplicaShape) => ReplicaMemory;
  /** Its tokens are the numbers below this. */
  readonly vocabularySize: number;
  /** As its file names it, such as llama; empty while unknown. */
  readonly architecture: string;
  /** What else its file says; null while unknown. */
  readonly card: ModelCard | null;
  readonly pooling: Pooling;
  /** Most tokens of an input for embeddings or ranking: what is wanted, else what the model is made for; 0 for none. */
  readonly embeddingLengthFor: (wanted: number | null) => number;
};

export function sizingOf(shape: ModelShape, card: ModelCard | null = null): ModelSizing {
  return {
    contextLengthFor: (wanted) => contextLengthFor(shape, wanted),
    memoryFor: (replica) => estimateReplicaMemory(shape, replica),
    vocabularySize: shape.vocabularySize,
    architecture: shape.architecture,
    card,
    pooling: shape.pooling,
    embeddingLengthFor: (wanted) => embeddingLengthFor(shape, wanted),
  };
}

/** The same for every way to run it: for models of which only the size is told. */
export function fixedSizing(contextLength: number, memory: ReplicaMemory): ModelSizing {
  const contextLengthFor = (wanted: number | null): number => wanted ?? contextLength;
  const vocabularySize = Number.POSITIVE_INFINITY;
  const pooling = { embeds: true, ranks: true, isNamed: false };
  return {
    contextLengthFor,
    memoryFor: () => memory,
    vocabularySize,
    architecture: "",
    card: null,
    pooling,
    embeddingLengthFor: (wanted) => wanted ?? 0,
  };
}
