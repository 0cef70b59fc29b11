// What a model file needs in memory once it is loaded.
import { defaultContextLengthMax } from "./defaults.ts";
import type { EngineOptions } from "./engine-options.ts";
import { PomonaError } from "./errors.ts";
import { alignUp } from "./gguf/format.ts";
import type { GgufHeader, GgufTensor } from "./gguf/reader.ts";
import type { ReplicaMemory } from "./replica-memory.ts";

/** What of a model decides its memory. */
export type ModelShape = {
  readonly architecture: string;
  readonly trainedContextLength: number;
  readonly layers: number;
  /** Of one sequence, at 16 bits a value. 0 for architectures without attention. */
  readonly kvBytesPerToken: number;
  readonly vocabularySize: number;
  /** The whole file, which the engine maps. */
  readonly weightsBytes: number;
  /** What the engine keeps a second time, rearranged for the CPU's instructions. */
  readonly repackedBytes: number;
};

/** llama.cpp's LLAMA_MAX_LAYERS. */
const layersMax = 512;
const contextLengthMax = 2 ** 31 - 1;
const headsMax = 2 ** 16;
const widthMax = 2 ** 20;
const kvValueBytes = 2;

/**
 * Types that llama.cpp (ggml-cpu/repack.cpp) rearranges on x86. On ARM without a GPU it also does Q5_K, Q6_K and Q8_0,
 * which this leaves out.
 */
const repackedTypes: ReadonlySet<string> = new Set(["Q4_0", "Q4_K", "Q2_K", "IQ4_NL", "MXFP4"]);

/** @throws PomonaError `invalid_model` when a figure that every model has is missing or absurd. */
export function modelShapeOf(header: GgufHeader, fileBytes: number): ModelShape {
  const { architecture } = header;
  const layers = requiredNumber(header, "block_count", layersMax);
  const kvBytesPerToken = kvBytes(header, layers);
  return {
    architecture,
    trainedContextLength: requiredNumber(header, "context_length", contextLengthMax),
    layers,
    kvBytesPerToken,
    vocabularySize: vocabularySize(header),
    weightsBytes: fileBytes,
    repackedBytes: repackedBytes(header.tensors),
  };
}

/** The sum over all layers of KV heads x (key + value width) x 2 bytes. */
function kvBytes(header: GgufHeader, layers: number): number {
  const heads = perLayer(header, "attention.head_count", layers) ?? new Array<number>(layers).fill(0);
  const kvHeads = perLayer(header, "attention.head_count_kv", layers) ?? heads;
  const headsMost = heads.reduce((most, count) => Math.max(most, count), 0);
  if (headsMost === 0) return 0;
  const width = requiredNumber(header, "embedding_length", widthMax) / headsMost;
  const keyWidth = optionalNumber(header, "attention.key_length", widthMax) ?? width;
  const valueWidth = optionalNumber(header, "attention.value_length", widthMax) ?? width;
  const kvHeadsInAll = kvHeads.reduce((sum, count) => sum + count, 0);
  return Math.ceil(kvHeadsInAll * (keyWidth + valueWidth) * kvValueBytes);
}

/** A figure that is one number for all layers or an array with one for each; null when it is absent. */
function perLayer(header: GgufHeader, key: string, layers: number): readonly number[] | null {
  const value = header.metadata.get(`${header.architecture}.${key}`);
  if (value === undefined) return null;
  if (typeof value === "object" && value.kind === "array") {
    const numbers = value.numbers ?? [];
    if (numbers.length === layers && numbers.every((number) => isCount(number, headsMax))) return numbers;
    throw invalid(header, key, `an array of ${value.count}`);
  }
  if (!isCount(value, headsMax)) throw invalid(header, key, describe(value));
  return new Array<number>(layers).fill(value);
}

function vocabularySize(header: GgufHeader): number {
  const tokens = header.metadata.get("tokenizer.ggml.tokens");
  const listed = typeof tokens === "object" && tokens.kind === "array" ? tokens.count : 0;
  const embedding = header.tensors.find((tensor) => tensor.name === "token_embd.weight");
  return Math.max(listed, embedding?.dimensions[1] ?? 0);
}

/** Embeddings are looked up, not multiplied with, unless they are the output too. */
function repackedBytes(tensors: readonly GgufTensor[]): number {
  const isTied = !tensors.some((tensor) => tensor.name === "output.weight");
  return tensors
    .filter((tensor) => tensor.dimensions.length >= 2 && repackedTypes.has(tensor.type))
    .filter((tensor) => isTied || tensor.name !== "token_embd.weight")
    .reduce((sum, tensor) => sum + tensor.bytes, 0);
}

function requiredNumber(header: GgufHeader, key: string, max: number): number {
  const value = optionalNumber(header, key, max);
  if (value === null) throw invalid(header, key, "missing");
  return value;
}

function optionalNumber(header: GgufHeader, key: string, max: number): number | null {
  const value = header.metadata.get(`${header.architecture}.${key}`);
  if (value === undefined) return null;
  if (isCount(value, max) && value > 0) return value;
  throw invalid(header, key, describe(value));
}

function isCount(value: unknown, max: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max;
}

function describe(value: unknown): string {
  return typeof value === "number" || typeof value === "bigint" ? String(value) : `a ${typeof value}`;
}

function invalid(header: GgufHeader, key: string, found: string): PomonaError {
  const name = JSON.stringify(`${header.architecture.slice(0, 80)}.${key}`);
  return new PomonaError("invalid_model", `the GGUF file is not a model that can be loaded: ${name} is ${found}`);
}

/** How a replica of a model is to be loaded. */
export type ReplicaShape = {
  /** Tokens per slot. */
  readonly contextLength: number;
  readonly slots: number;
  readonly engine: EngineOptions;
  readonly gpu: "metal" | "cpu";
};

/** llama.cpp rounds the context of a sequence up to a multiple of this. */
const contextPadding = 256;
/** Measured: the compute buffer is this times batch x vocabulary x 4 bytes, with flash attention on. */
const computeFactor = 1.06;
/** Measured: 93 to 97 MB resident for a worker with the engine in it and no model. */
const workerBytes = 100_000_000;

/**
 * Upper bound of a replica's memory. Measured with node-llama-cpp 3.21.1 and 3.22.1: KV is exact, the compute buffer is
 * touched only in part, and weights that are repacked for the CPU stay mapped as well.
 */
export function estimateReplicaMemory(shape: ModelShape, replica: ReplicaShape): ReplicaMemory {
  const slotTokens = alignUp(replica.contextLength, contextPadding);
  return {
    weightsBytes: shape.weightsBytes + (replica.gpu === "cpu" ? shape.repackedBytes : 0),
    kvBytes: shape.kvBytesPerToken * slotTokens * replica.slots,
    computeBytes: Math.ceil(computeFactor * replica.engine.batchSize * shape.vocabularySize * 4),
    processBytes: workerBytes,
  };
}

/** Tokens per slot: what is wanted, else the smaller of the trained context and 8,192. */
export function contextLengthFor(shape: ModelShape, wanted: number | null): number {
  return wanted ?? Math.min(shape.trainedContextLength, defaultContextLengthMax);
}
