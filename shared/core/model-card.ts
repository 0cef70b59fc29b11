// What a model's file says of itself, kept for those who ask what the model is.

import { infillTokensOfHeader } from "./gguf/infill-tokens.ts";
import type { GgufHeader, GgufTensor } from "./gguf/reader.ts";
import { detectAnswerForm, type Thinking } from "./output/answer-form.ts";

export type ModelCard = {
  /** Weights of all tensors. */
  readonly parameterCount: number;
  /** Such as Q4_K_M. */
  readonly quantization: string;
  /** Jinja; empty without one, or for one that is too long to be kept. */
  readonly chatTemplate: string;
  readonly thinking: Thinking;
  /** Whether it can be asked for the text between two others. */
  readonly infills: boolean;
  /** Single values of the header by their keys, but for the template. */
  readonly values: Readonly<Record<string, string | number | boolean>>;
};

const templateLengthMax = 2 ** 18;
const keyLengthMax = 128;
const valueLengthMax = 1024;
const valuesMax = 256;
const templateKey = "tokenizer.chat_template";

export function modelCardOf(header: GgufHeader): ModelCard {
  const { metadata, tensors } = header;
  const template = metadata.get(templateKey);
  const text = typeof template === "string" ? template : null;
  return {
    parameterCount: tensors.reduce((sum, { dimensions }) => sum + product(dimensions), 0),
    quantization: fileTypes[Number(metadata.get("general.file_type") ?? -1)] ?? mostlyOf(tensors),
    chatTemplate: text === null || text.length > templateLengthMax ? "" : text,
    thinking: detectAnswerForm(text, "").thinking,
    infills: infillTokensOfHeader(header) !== null,
    values: Object.fromEntries([...metadata].flatMap(singleValue).slice(0, valuesMax)),
  };
}

/** Places of the parts of a split model are no part of the model. */
function singleValue([key, value]: readonly [string, unknown]): readonly (readonly [
  string,
  string | number | boolean,
])[] {
  if (key === templateKey || key.startsWith("split.") || key.length > keyLengthMax) return [];
  if (typeof value === "bigint") return [[key, Number(value)]];
  if (typeof value === "string") return value.length > valueLengthMax ? [] : [[key, value]];
  return typeof value === "number" || typeof value === "boolean" ? [[key, value]] : [];
}

function product(dimensions: readonly number[]): number {
  return dimensions.reduce((size, dimension) => size * dimension, 1);
}

/** The type that most bytes are of. */
function mostlyOf(tensors: readonly GgufTensor[]): string {
  const bytesOf = new Map<string, number>();
  for (const { type, bytes } of tensors) bytesOf.set(type, (bytesOf.get(type) ?? 0) + bytes);
  const [most] = [...bytesOf].sort(([, a], [, b]) => b - a);
  return most?.[0].toUpperCase() ?? "";
}

/** By the numbers of `general.file_type`: https://github.com/ggml-org/llama.cpp/blob/master/include/llama.h (llama_ftype). */
const fileTypes: Readonly<Record<number, string>> = {
  0: "F32",
  1: "F16",
  2: "Q4_0",
  3: "Q4_1",
  7: "Q8_0",
  8: "Q5_0",
  9: "Q5_1",
  10: "Q2_K",
  11: "Q3_K_S",
  12: "Q3_K_M",
  13: "Q3_K_L",
  14: "Q4_K_S",
  15: "Q4_K_M",
  16: "Q5_K_S",
  17: "Q5_K_M",
  18: "Q6_K",
  19: "IQ2_XXS",
  20: "IQ2_XS",
  21: "Q2_K_S",
  22: "IQ3_XS",
  23: "IQ3_XXS",
  24: "IQ1_S",
  25: "IQ4_NL",
  26: "IQ3_S",
  27: "IQ3_M",
  28: "IQ2_S",
  29: "IQ2_M",
  30: "IQ4_XS",
  31: "IQ1_M",
  32: "BF16",
  36: "TQ1_0",
  37: "TQ2_0",
  38: "MXFP4",
};
