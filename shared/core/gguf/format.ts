// The GGUF container, version 3, as described in docs/gguf.md of ggml-org/ggml: what the writer and the reader share.

/** The bytes "GGUF" read as a little-endian 32-bit integer. */
export const ggufMagic = 0x46554747;
export const ggufVersion = 3;
/** Where `general.alignment` is absent. */
export const defaultAlignment = 32;

/** Numbers of the metadata value types. */
export const valueTypeCodes = {
  uint8: 0,
  int8: 1,
  uint16: 2,
  int16: 3,
  uint32: 4,
  int32: 5,
  float32: 6,
  bool: 7,
  string: 8,
  array: 9,
  uint64: 10,
  int64: 11,
  float64: 12,
} as const;

export type ValueTypeName = keyof typeof valueTypeCodes;

/** How a tensor type stores its elements: `elements` of them in each block of `bytes`. */
export type TensorLayout = {
  readonly name: string;
  readonly code: number;
  readonly elements: number;
  readonly bytes: number;
};

/** Every tensor type of ggml.h (llama.cpp of node-llama-cpp 3.21.1) with its block, sizes from ggml-common.h. */
export const tensorLayouts: readonly TensorLayout[] = [
  { name: "F32", code: 0, elements: 1, bytes: 4 },
  { name: "F16", code: 1, elements: 1, bytes: 2 },
  { name: "Q4_0", code: 2, elements: 32, bytes: 18 },
  { name: "Q4_1", code: 3, elements: 32, bytes: 20 },
  { name: "Q5_0", code: 6, elements: 32, bytes: 22 },
  { name: "Q5_1", code: 7, elements: 32, bytes: 24 },
  { name: "Q8_0", code: 8, elements: 32, bytes: 34 },
  { name: "Q8_1", code: 9, elements: 32, bytes: 36 },
  { name: "Q2_K", code: 10, elements: 256, bytes: 84 },
  { name: "Q3_K", code: 11, elements: 256, bytes: 110 },
  { name: "Q4_K", code: 12, elements: 256, bytes: 144 },
  { name: "Q5_K", code: 13, elements: 256, bytes: 176 },
  { name: "Q6_K", code: 14, elements: 256, bytes: 210 },
  { name: "Q8_K", code: 15, elements: 256, bytes: 292 },
  { name: "IQ2_XXS", code: 16, elements: 256, bytes: 66 },
  { name: "IQ2_XS", code: 17, elements: 256, bytes: 74 },
  { name: "IQ3_XXS", code: 18, elements: 256, bytes: 98 },
  { name: "IQ1_S", code: 19, elements: 256, bytes: 50 },
  { name: "IQ4_NL", code: 20, elements: 32, bytes: 18 },
  { name: "IQ3_S", code: 21, elements: 256, bytes: 110 },
  { name: "IQ2_S", code: 22, elements: 256, bytes: 82 },
  { name: "IQ4_XS", code: 23, elements: 256, bytes: 136 },
  { name: "I8", code: 24, elements: 1, bytes: 1 },
  { name: "I16", code: 25, elements: 1, bytes: 2 },
  { name: "I32", code: 26, elements: 1, bytes: 4 },
  { name: "I64", code: 27, elements: 1, bytes: 8 },
  { name: "F64", code: 28, elements: 1, bytes: 8 },
  { name: "IQ1_M", code: 29, elements: 256, bytes: 56 },
  { name: "BF16", code: 30, elements: 1, bytes: 2 },
  { name: "TQ1_0", code: 34, elements: 256, bytes: 54 },
  { name: "TQ2_0", code: 35, elements: 256, bytes: 66 },
  { name: "MXFP4", code: 39, elements: 32, bytes: 17 },
  { name: "NVFP4", code: 40, elements: 64, bytes: 36 },
  { name: "Q1_0", code: 41, elements: 128, bytes: 18 },
  { name: "Q2_0", code: 42, elements: 64, bytes: 18 },
];

/** The types that the writer can write. */
export type WritableType = "F32" | "F16" | "Q8_0" | "Q4_0";

const layoutsByName = new Map(tensorLayouts.map((layout) => [layout.name, layout]));

/** The layout of a writable type. */
export function layoutOf(type: WritableType): TensorLayout {
  const layout = layoutsByName.get(type);
  if (layout === undefined) throw new Error(`assertion failed: no layout for ${type}`);
  return layout;
}

/** The smallest multiple of `alignment` that is not below `offset`. */
export function alignUp(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}
