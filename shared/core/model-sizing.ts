// What a model needs, as a function of how it is run.
import {
  contextLengthFor,
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
  readonly pooling: Pooling;
};

export function sizingOf(shape: ModelShape): ModelSizing {
  return {
    contextLengthFor: (wanted) => contextLengthFor(shape, wanted),
    memoryFor: (replica) => estimateReplicaMemory(shape, replica),
    vocabularySize: shape.vocabularySize,
    architecture: shape.architecture,
    pooling: shape.pooling,
  };
}

/** The same for every way to run it: for models of which only the size is told. */
export function fixedSizing(contextLength: number, memory: ReplicaMemory): ModelSizing {
  const contextLengthFor = (wanted: number | null): number => wanted ?? contextLength;
  const vocabularySize = Number.POSITIVE_INFINITY;
  const pooling = { embeds: true, ranks: true };
  return { contextLengthFor, memoryFor: () => memory, vocabularySize, architecture: "", pooling };
}
