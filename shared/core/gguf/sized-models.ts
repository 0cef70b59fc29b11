// Models of other architectures than Llama, in any size. Blank ones have weights of zero: they load and compute, and tell
// how much memory the engine takes. Filled ones have random weights of 16 bits: as much work and memory as a real one.
import { encodeRows, randomRows } from "./blocks.ts";
import { type Blueprint, type BlueprintArchitecture, blueprints, type ModelSize } from "./blueprints.ts";
import { plainChatTemplate, tokenizerMetadata } from "./llama-model.ts";
import { pieceName } from "./random-model.ts";
import { randomWords } from "./random-words.ts";
import { createVocabulary, eosTokenId, firstPieceTokenId } from "./vocabulary.ts";
import type { GgufModel, WritableTensor, WritableValue } from "./writer.ts";

const smallest: ModelSize = {
  layers: 6,
  width: 128,
  feedForward: 256,
  heads: 2,
  kvHeads: 1,
  headWidth: 64,
  vocabulary: firstPieceTokenId,
  window: 256,
  experts: 4,
  expertsUsed: 2,
  expertWidth: 64,
};

export function blankModel(architecture: BlueprintArchitecture, changes: Partial<ModelSize> = {}): GgufModel {
  return describe({ architecture, changes, fill: zeros });
}

/** The same seed gives the same file. Control tokens have rows of zero, so that an answer does not end early. */
export function filledModel(architecture: BlueprintArchitecture, changes: Partial<ModelSize>, seed = 1): GgufModel {
  return describe({ architecture, changes, fill: randomFill(seed) });
}

/** Makes a tensor. `name` is without the layer. */
type Fill = (name: string, fullName: string, dimensions: readonly number[]) => WritableTensor;

type Description = {
  readonly architecture: BlueprintArchitecture;
  readonly changes: Partial<ModelSize>;
  readonly fill: Fill;
};

function describe({ architecture, changes, fill }: Description): GgufModel {
  const size = { ...smallest, ...changes };
  const { figures, tensors, layer } = blueprints[architecture](size);
  const named = Object.entries(tensors).map(([name, shape]) => fill(name, name, shape));
  const inLayers = Array.from({ length: size.layers }, (_, index) =>
    Object.entries(layer(index)).map(([name, shape]) => fill(name, `blk.${index}.${name}`, shape)),
  );
  return { metadata: metadataOf(architecture, size, figures), tensors: [...named, ...inLayers.flat()] };
}

function metadataOf(
  architecture: BlueprintArchitecture,
  { vocabulary }: ModelSize,
  figures: Blueprint["figures"],
): Map<string, WritableValue> {
  const pieces = Array.from({ length: vocabulary - firstPieceTokenId }, (_, index) => ` ${pieceName(index)}`);
  const tokenizer = tokenizerMetadata({ vocabulary: createVocabulary(pieces), chatTemplate: plainChatTemplate });
  const metadata = new Map<string, WritableValue>([
    ["general.architecture", { kind: "string", value: architecture }],
    ["general.name", { kind: "string", value: `sized-${architecture}` }],
    ["tokenizer.ggml.token_type_count", { kind: "uint32", value: 2 }],
    ...tokenizer,
  ]);
  for (const [key, value] of Object.entries(figures)) metadata.set(`${architecture}.${key}`, writable(value));
  return metadata;
}

function writable(value: number | boolean | readonly number[]): WritableValue {
  if (typeof value === "boolean") return { kind: "bool", value };
  if (typeof value === "number") return { kind: Number.isInteger(value) ? "uint32" : "float32", value };
  return { kind: "int32s", values: value };
}

function valuesIn(dimensions: readonly number[]): number {
  return dimensions.reduce((product, dimension) => product * dimension, 1);
}

const zeros: Fill = (_, name, dimensions) => {
  return { name, dimensions, type: "F32", data: () => [new Uint8Array(4 * valuesIn(dimensions))] };
};

/** ggml has no 16-bit kernels for convolutions and decays. */
const wholeMatrices: ReadonlySet<string> = new Set(["ssm_conv1d.weight", "ssm_a", "shortconv.conv.weight"]);

function randomFill(seed: number): Fill {
  let number = 0;
  return (name, fullName, dimensions) => {
    number += 1;
    const tensorSeed = seed * 100_003 + number;
    if (dimensions.length === 1 || name.endsWith(".bias") || wholeMatrices.has(name)) {
      return constant(fullName, dimensions, constantOf(name));
    }
    const [columns = 1] = dimensions;
    const isVocabulary = fullName === "token_embd.weight" || fullName === "output.weight";
    const matrix = {
      columns,
      rows: valuesIn(dimensions) / columns,
      standardDeviation: 1 / Math.sqrt(columns),
      isZeroRow: (row: number) => isVocabulary && row <= eosTokenId,
    };
    return { name: fullName, dimensions, type: "F16", data: () => randomRows("F16", matrix, randomWords(tensorSeed)) };
  };
}

function constantOf(name: string): number {
  if (name.endsWith(".bias")) return 0;
  // Decay: always negative.
  return name === "ssm_a" ? -1 : 1;
}

function constant(name: string, dimensions: readonly number[], value: number): WritableTensor {
  const fill = (_row: number, values: Float32Array): Float32Array => values.fill(value);
  const data = (): Uint8Array[] => [encodeRows("F32", { rows: 1, columns: valuesIn(dimensions) }, fill)];
  return { name, dimensions, type: "F32", data };
}
