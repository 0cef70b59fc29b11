// The weights in memory, which may be more than the file: a CPU wants some of them in another order.
import type { EngineOptions } from "../engine-options.ts";
import type { GgufTensor } from "../gguf/reader.ts";

export type CpuArchitecture = "x64" | "arm64";

export type WeightShape = {
  /** All tensors in the file: what the engine calls the model's size. */
  readonly tensorBytes: number;
  /** Of these, what a CPU wants rearranged; the output's matrix is among them also where it is the embedding's. */
  readonly repackedBytes: Readonly<Record<CpuArchitecture, number>>;
  /** The embedding that is the output's matrix too; 0 where that has one of its own. */
  readonly tiedBytes: number;
  /** Of the tied embedding, what a CPU has in both orders. */
  readonly tiedRepackedBytes: Readonly<Record<CpuArchitecture, number>>;
};

type RepackRule = {
  readonly types: ReadonlySet<string>;
  /** A matrix whose rows are no multiple of this stays as it is. */
  readonly rows: number;
};

/**
 * ggml-cpu/repack.cpp, `ggml_repack_get_optimal_repack_type`: x86 with AVX2, and AVX-512 for Q2_K; ARM with the dot
 * product or the 8-bit matrix product. Processors without these rearrange nothing.
 */
const repackRules: Readonly<Record<CpuArchitecture, RepackRule>> = {
  x64: { types: new Set(["Q4_0", "Q4_K", "Q2_K", "IQ4_NL", "MXFP4"]), rows: 8 },
  arm64: { types: new Set(["Q4_0", "Q4_K", "Q5_K", "Q6_K", "Q8_0", "IQ4_NL", "MXFP4"]), rows: 4 },
};

const embeddingName = "token_embd.weight";
/** These are looked up row by row, not multiplied with. */
const lookedUp: ReadonlySet<string> = new Set([
  embeddingName,
  "per_layer_token_embd.weight",
  "position_embd.weight",
  "token_types.weight",
]);

export function weightShapeOf(tensors: readonly GgufTensor[], tensorBytes: number): WeightShape {
  const isTied = !tensors.some(({ name }) => name === "output.weight");
  const tied = tensors.filter(({ name }) => isTied && name === embeddingName);
  const multiplied = [...tensors.filter(({ name }) => !lookedUp.has(name)), ...tied];
  return {
    tensorBytes,
    repackedBytes: { x64: repackable(multiplied, "x64"), arm64: repackable(multiplied, "arm64") },
    tiedBytes: sumOf(tied),
    tiedRepackedBytes: { x64: repackable(tied, "x64"), arm64: repackable(tied, "arm64") },
  };
}

function repackable(tensors: readonly GgufTensor[], cpu: CpuArchitecture): number {
  const { types, rows } = repackRules[cpu];
  return sumOf(tensors.filter(({ type, dimensions }) => types.has(type) && (dimensions[1] ?? 1) % rows === 0));
}

function sumOf(tensors: readonly GgufTensor[]): number {
  return tensors.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Where a model's layers are. */
export type WeightPlace = {
  readonly engine: EngineOptions;
  readonly gpu: "metal" | "cpu";
  readonly cpu: CpuArchitecture;
  /** The last one counted too: that which makes logits. */
  readonly layers: number;
};

type WeightBytes = { readonly weightsBytes: number; readonly mappedBytes: number };

/**
 * Measured on x86 with Q4_0: a mapped file stays resident beside what is rearranged from it; a file that is read, which
 * locked weights are as well, is rearranged as it comes, and only a tied embedding exists twice. A GPU that shares the
 * memory takes a mapped file as it is; layers that are left to the CPU are rearranged there.
 */
export function weightBytes(shape: WeightShape, { engine, gpu, cpu, layers }: WeightPlace): WeightBytes {
  const isMapped = engine.usesMmap && !engine.usesMlock;
  const onGpu = gpu === "cpu" ? 0 : Math.min(1, (engine.gpuLayers ?? layers) / layers);
  const readTwice = gpu === "cpu" ? shape.tiedRepackedBytes[cpu] : shape.tiedBytes;
  const twice = isMapped ? Math.ceil(shape.repackedBytes[cpu] * (1 - onGpu)) : readTwice;
  return { weightsBytes: shape.tensorBytes + twice, mappedBytes: isMapped ? shape.tensorBytes : 0 };
}
