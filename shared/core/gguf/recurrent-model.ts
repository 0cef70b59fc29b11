// A recurrent model (Mamba) with random weights: its memory cannot forget the end of what it has read, so that going back
// needs a checkpoint. Tensors and keys: llama.cpp, src/models/mamba.cpp.
import { encodeRows } from "./blocks.ts";
import { plainChatTemplate, tokenizerMetadata } from "./llama-model.ts";
import { randomWords } from "./random-words.ts";
import { createVocabulary } from "./vocabulary.ts";
import type { GgufModel, WritableTensor, WritableValue } from "./writer.ts";

const layers = 2;
const dimensions = 64;
/** Twice the dimensions: llama.cpp takes no other. */
const inner = 128;
const convolution = 4;
const state = 16;
const timeStepRank = 4;
const vocabulary = createVocabulary([]);

/** Always F32. The same seed gives the same file; it never ends an answer by itself. */
export function recurrentModel(seed = 1): GgufModel {
  const uint32 = (value: number): WritableValue => ({ kind: "uint32", value });
  const numbers: readonly (readonly [string, number])[] = [
    ["block_count", layers],
    ["context_length", 8192],
    ["embedding_length", dimensions],
    ["feed_forward_length", 0],
    ["attention.head_count", 0],
    ["ssm.conv_kernel", convolution],
    ["ssm.inner_size", inner],
    ["ssm.state_size", state],
    ["ssm.time_step_rank", timeStepRank],
    ["vocab_size", vocabulary.length],
  ];
  const metadata: (readonly [string, WritableValue])[] = [
    ["general.architecture", { kind: "string", value: "mamba" }],
    ["general.name", { kind: "string", value: "recurrent" }],
    ["general.file_type", uint32(0)],
    ...numbers.map(([key, value]) => [`mamba.${key}`, uint32(value)] as const),
    ["mamba.attention.layer_norm_rms_epsilon", { kind: "float32", value: 1e-5 }],
    ...tokenizerMetadata({ vocabulary, chatTemplate: plainChatTemplate }),
  ];
  return { metadata: new Map(metadata), tensors: tensorsOf(seed) };
}

type Fill = (index: number, random: number) => number;

/** Control tokens come first: rows of zero keep them from being chosen. */
const controlTokens = 3;

function tensorsOf(seed: number): WritableTensor[] {
  let number = 0;
  const tensor = (name: string, sizes: readonly number[], fill: Fill): WritableTensor => {
    number += 1;
    const tensorSeed = seed * 1000 + number;
    const columns = sizes.reduce((product, size) => product * size, 1);
    const values = (_row: number, target: Float32Array): void => {
      const words = randomWords(tensorSeed);
      for (let i = 0; i < columns; i += 1) target[i] = fill(i, (2 * words.next()) / 2 ** 32 - 1);
    };
    return { name, dimensions: sizes, type: "F32", data: () => [encodeRows("F32", { rows: 1, columns }, values)] };
  };
  const weights = (name: string, sizes: readonly [number, number]): WritableTensor =>
    tensor(name, sizes, (_, random) => random * Math.sqrt(3 / sizes[0]));
  const ones = (name: string, size: number): WritableTensor => tensor(name, [size], () => 1);
  const layer = (index: number): WritableTensor[] => {
    const name = (part: string): string => `blk.${index}.${part}`;
    return [
      ones(name("attn_norm.weight"), dimensions),
      weights(name("ssm_in.weight"), [dimensions, 2 * inner]),
      weights(name("ssm_conv1d.weight"), [convolution, inner]),
      tensor(name("ssm_conv1d.bias"), [inner], (_, random) => random / 10),
      weights(name("ssm_x.weight"), [inner, timeStepRank + 2 * state]),
      weights(name("ssm_dt.weight"), [timeStepRank, inner]),
      tensor(name("ssm_dt.bias"), [inner], (_, random) => random - 2),
      // Decay: always negative.
      tensor(name("ssm_a"), [state, inner], (i) => -1 - (i % state) / 4),
      ones(name("ssm_d"), inner),
      weights(name("ssm_out.weight"), [inner, dimensions]),
    ];
  };
  return [
    weights("token_embd.weight", [dimensions, vocabulary.length]),
    ...Array.from({ length: layers }, (_, index) => layer(index)).flat(),
    ones("output_norm.weight", dimensions),
    tensor("output.weight", [dimensions, vocabulary.length], (i, random) =>
      i < controlTokens * dimensions ? 0 : random / 2,
    ),
  ];
}
