// What a model file needs in memory once it is loaded.
import { defaultContextLengthMax } from "./defaults.ts";
import { type EngineOptions, kvBytesPerValue } from "./engine-options.ts";
import { alignUp } from "./gguf/format.ts";
import type { GgufHeader } from "./gguf/reader.ts";
import { type ComputeShape, computeBytes, computeShapeOf } from "./memory/compute-buffer.ts";
import type { GraphLoad } from "./memory/graph-inputs.ts";
import { HeaderFigures } from "./memory/header-figures.ts";
import { checkpointCount, savedStateBytes } from "./memory/kept-states.ts";
import { keepsNothing, type LayerCache, layerCachesOf } from "./memory/layer-caches.ts";
import { type ProcessShape, processBytes } from "./memory/process-memory.ts";
import { windowKey, windowMax } from "./memory/sliding-window.ts";
import { type CpuArchitecture, type WeightShape, weightBytes, weightShapeOf } from "./memory/weights.ts";
import type { ReplicaMemory } from "./replica-memory.ts";

/** What of a model decides its memory. */
export type ModelShape = ProcessShape & {
  readonly architecture: string;
  readonly trainedContextLength: number;
  /** The window that the file names, whether the engine uses it or not; null without. */
  readonly namedWindow: number | null;
  readonly pooling: Pooling;
  readonly weights: WeightShape;
  /** One for each layer; none for a model that evaluates a text in one go. */
  readonly layers: readonly LayerCache[];
  readonly compute: ComputeShape;
};

const contextLengthMax = 2 ** 31 - 1;

/** @throws PomonaError `invalid_model` when a figure that every model has is missing or absurd. */
export function modelShapeOf(header: GgufHeader, fileBytes: number): ModelShape {
  const figures = new HeaderFigures(header);
  const embedding = header.tensors.find((tensor) => tensor.name === "token_embd.weight");
  const vocabularySize = Math.max(listLength(header, "tokenizer.ggml.tokens"), embedding?.dimensions[1] ?? 0);
  const layers = layerCachesOf(figures);
  return {
    architecture: header.architecture,
    trainedContextLength: figures.required("context_length", contextLengthMax),
    vocabularySize,
    merges: listLength(header, "tokenizer.ggml.merges"),
    namedWindow: figures.number(windowKey, windowMax),
    pooling: poolingOf(header, figures),
    weights: weightShapeOf(header.tensors, fileBytes - header.dataOffset),
    layers,
    compute: computeShapeOf(figures, { layers, vocabularySize }),
  };
}

/** llama.h, LLAMA_POOLING_TYPE_RANK: a model with this pooling makes scores alone. */
export const rankPooling = 4;

/** What a model can make of whole inputs. */
export type Pooling = {
  readonly embeds: boolean;
  /** It has a classifier. */
  readonly ranks: boolean;
  /** Its file says how inputs become vectors or scores, which files of plain language models do not. */
  readonly isNamed: boolean;
};

function poolingOf({ tensors }: GgufHeader, figures: HeaderFigures): Pooling {
  const ranks = tensors.some(({ name }) => name === "cls.weight" || name === "cls.output.weight");
  const type = figures.scalar("pooling_type");
  // llama.h, LLAMA_POOLING_TYPE_NONE is 0.
  const isNamed = ranks || (typeof type === "number" && type > 0);
  return { embeds: type !== rankPooling, ranks, isNamed };
}

function listLength(header: GgufHeader, key: string): number {
  const list = header.metadata.get(key);
  return typeof list === "object" && list.kind === "array" ? list.count : 0;
}

/** How a replica of a model is to be loaded. */
export type ReplicaShape = {
  /** Tokens per slot. */
  readonly contextLength: number;
  readonly slots: number;
  readonly engine: EngineOptions;
  readonly gpu: "metal" | "cpu";
  /** Files of the adapters together; 0 by default. Each replica reads its own. */
  readonly adapterBytes?: number;
  /** Where the CPU computes; by default arm64 beside Metal, else x64. */
  readonly cpu?: CpuArchitecture;
};

/**
 * A replica's memory. Compared with node-llama-cpp 3.21.1 (llama.cpp v0.4.0) on x86: KV and states are exact, the
 * compute buffer is exact for Llama and its like and an upper bound for the rest, and the whole is above what is
 * resident. Of the compute buffer the engine touches as much as it computes, so that most of the logits' part stays
 * untouched. The caller knows the file, so that `mappedFile` is for the caller to set.
 */
export function estimateReplicaMemory(shape: ModelShape, replica: ReplicaShape): ReplicaMemory {
  const { engine, gpu, slots, adapterBytes = 0 } = replica;
  const cpu = replica.cpu ?? (gpu === "metal" ? "arm64" : "x64");
  const load = loadOf(shape, replica);
  const { width, feedForward } = shape.compute.graph;
  const operandWidth = Math.max(width, feedForward);
  const kv = kvBytes(shape.layers, load, engine);
  const weights = weightBytes(shape.weights, { engine, gpu, cpu, layers: shape.layers.length + 1 });
  const weightsBytes = weights.weightsBytes + adapterBytes;
  return {
    weightsBytes,
    mappedBytes: weights.mappedBytes,
    kvBytes: kv,
    computeBytes: computeBytes(shape.compute, load) + pooledBytes(shape, replica),
    processBytes:
      processBytes(shape, { slots, tokens: load.tokens, operandWidth }) +
      (needsCheckpoints(shape)
        ? checkpoints(shape, load, engine).bytes
        : savedStateBytes({ weightsBytes, kvBytes: kv }, slots)),
  };
}

/** Whether a sequence cannot forget its end: a state or a window has overwritten what was before. */
function needsCheckpoints({ layers }: ModelShape): boolean {
  return layers.some(({ window, state }) => window !== null || state > 0);
}

/** llama-context.cpp rounds the context of a sequence up to a multiple of this. */
const contextPadding = 256;

function loadOf(shape: ModelShape, { contextLength, slots, engine }: Omit<ReplicaShape, "gpu">): GraphLoad {
  const paddedLength = alignUp(contextLength, contextPadding);
  const isWhole = keepsNothing(shape.architecture);
  const batch = Math.max(engine.batchSize, slots) + (isNarrower(shape) ? 1 : 0);
  const outputs = isWhole ? batch : Math.min(batch, paddedLength * slots);
  // The engine gives every sequence the same share of the largest batch.
  const tokens = alignUp(outputs, slots);
  const window = shape.layers.reduce((most, layer) => Math.max(most, layer.window ?? 0), 0);
  const attends = shape.layers.some((layer) => layer.keys > 0);
  return {
    tokens,
    outputs,
    slots,
    cells: isWhole ? tokens : attends ? paddedLength : 0,
    // llama-kv-cache-iswa.cpp: a window and a batch, whatever the context.
    slidingCells: window === 0 ? 0 : Math.min(paddedLength, alignUp(window + batch, contextPadding)),
    hasFlashAttention: engine.hasFlashAttention,
    hasQuantisedKv: engine.kvType !== "f16",
  };
}

/** node-llama-cpp makes batches one token longer for a model whose file names a window, used or not. */
function isNarrower({ namedWindow, trainedContextLength }: ModelShape): boolean {
  return namedWindow !== null && namedWindow > 0 && namedWindow < trainedContextLength;
}

const stateValueBytes = 4;

/** Of all slots. Without flash attention llama-kv-cache.cpp makes the values of all layers as wide as the widest. */
function kvBytes(layers: readonly LayerCache[], load: GraphLoad, { kvType, hasFlashAttention }: EngineOptions): number {
  const valuesMost = layers.reduce((most, layer) => Math.max(most, layer.values), 0);
  const bytes = layers.reduce((sum, layer) => {
    const values = layer.values > 0 && !hasFlashAttention ? valuesMost : layer.values;
    const cells = layer.window === null ? load.cells : load.slidingCells;
    return sum + (layer.keys + values) * kvBytesPerValue[kvType] * cells + layer.state * stateValueBytes;
  }, 0);
  return Math.ceil(bytes * load.slots);
}

/** Checkpoints of each slot that the engine keeps; 0 where a sequence can forget its end. */
export function checkpointsPerSlot(shape: ModelShape, replica: Omit<ReplicaShape, "gpu">): number {
  return checkpoints(shape, loadOf(shape, replica), replica.engine).perSlot;
}

type Checkpoints = { readonly perSlot: number; readonly bytes: number };

/**
 * What a slot remembers to go back to: the states, and the windows as far as they are filled (llama.cpp's
 * LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY). Measured: a prompt that grows turn by turn fills all of them.
 */
function checkpoints(shape: ModelShape, load: GraphLoad, engine: EngineOptions): Checkpoints {
  const partial = shape.layers.flatMap((layer) => {
    if (layer.window !== null) return [layer];
    return layer.state > 0 ? [{ ...layer, keys: 0, values: 0 }] : [];
  });
  const bytesOfAll = kvBytes(partial, load, engine);
  const beside = { weightsBytes: shape.weights.tensorBytes, kvBytes: kvBytes(shape.layers, load, engine) };
  const perSlot = checkpointCount(beside, bytesOfAll);
  return { perSlot, bytes: perSlot * bytesOfAll };
}

/** The engine adds one token at each end, and wants a context longer than its input. */
const pooledExtraTokens = 3;

/**
 * Contexts for embeddings and ranking, which take an input in one batch, with 16-bit KV and flash attention. They make
 * logits of every token and keep them beside the vectors (llama-context.cpp, `output_reserve`), which nobody reads.
 */
function pooledBytes(shape: ModelShape, { engine }: ReplicaShape): number {
  const embeddingLength = embeddingLengthFor(shape, engine.embeddingLength);
  if (embeddingLength === 0) return 0;
  const tokens = embeddingLength + pooledExtraTokens;
  const options = { ...engine, batchSize: tokens, kvType: "f16", hasFlashAttention: true } as const;
  const load = loadOf(shape, { contextLength: tokens, slots: 1, engine: options });
  const outputBytes = load.tokens * (shape.vocabularySize + shape.compute.graph.width) * stateValueBytes;
  // Each has a context of its own.
  const contexts = shape.pooling.embeds && shape.pooling.ranks ? 2 : 1;
  return contexts * (kvBytes(shape.layers, load, options) + computeBytes(shape.compute, load) + outputBytes);
}

/** Memory grows with it as with the vocabulary, by 600 MB for a vocabulary of 150,000. */
const embeddingLengthDefault = 1024;

/**
 * Most tokens of an input for embeddings or ranking: what is wanted, else the smaller of the trained context and 1,024
 * where the file says that the model is made for it, else 0, which is none.
 */
export function embeddingLengthFor({ trainedContextLength, pooling }: ModelShape, wanted: number | null): number {
  return wanted ?? (pooling.isNamed ? Math.min(trainedContextLength, embeddingLengthDefault) : 0);
}

/** Tokens per slot: what is wanted, else the smaller of the trained context and 8,192. */
export function contextLengthFor(shape: ModelShape, wanted: number | null): number {
  return wanted ?? Math.min(shape.trainedContextLength, defaultContextLengthMax);
}
