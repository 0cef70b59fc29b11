// Metadata and tensors that llama.cpp needs for a model of the architecture "llama".
import { encodeRows, type MatrixSize } from "./blocks.ts";
import type { WritableType } from "./format.ts";
import { bosTokenId, eosTokenId, unknownTokenId, type Vocabulary, type VocabularyToken } from "./vocabulary.ts";
import type { GgufModel, WritableTensor, WritableValue } from "./writer.ts";

export type LlamaShape = {
  readonly layers: number;
  /** Width of the residual stream. */
  readonly dimensions: number;
  readonly feedForward: number;
  readonly heads: number;
  readonly kvHeads: number;
  /** Trained context in tokens. */
  readonly contextLength: number;
  /** Base of the rotary position frequencies. */
  readonly ropeBase: number;
  /** The output uses the token embedding's matrix. */
  readonly isTied: boolean;
};

export type LlamaModel = {
  readonly name: string;
  readonly shape: LlamaShape;
  /** Of all matrices; norms are F32. */
  readonly type: WritableType;
  readonly vocabulary: Vocabulary;
  /** Jinja. */
  readonly chatTemplate: string;
  readonly weights: (matrix: NamedMatrix) => Iterable<Uint8Array>;
};

/** A matrix to be filled. `part` is the name without layer and suffix: token_embd, attn_q, ffn_gate, output, ... */
export type NamedMatrix = MatrixSize & { readonly part: string; readonly layer: number };

/** The contents of all messages, one after the other, and nothing else. */
export const plainChatTemplate = "{% for message in messages %}{{ message['content'] }}{% endfor %}";

const fileTypes = { F32: 0, F16: 1, Q4_0: 2, Q8_0: 7 } as const satisfies Record<WritableType, number>;
const tokenTypes = { normal: 1, unknown: 2, control: 3, byte: 6 } as const satisfies Record<
  VocabularyToken["type"],
  number
>;

export function describeLlamaModel(model: LlamaModel): GgufModel {
  const { shape } = model;
  const layers = Array.from({ length: shape.layers }, (_, layer) => layerTensors(model, layer));
  const vocabularyMatrix = { rows: model.vocabulary.length, columns: shape.dimensions, layer: 0 };
  return {
    metadata: new Map([...generalMetadata(model), ...shapeMetadata(model), ...tokenizerMetadata(model)]),
    tensors: [
      matrixTensor(model, "token_embd.weight", { ...vocabularyMatrix, part: "token_embd" }),
      ...layers.flat(),
      normTensor("output_norm.weight", shape.dimensions),
      ...(shape.isTied ? [] : [matrixTensor(model, "output.weight", { ...vocabularyMatrix, part: "output" })]),
    ],
  };
}

function layerTensors(model: LlamaModel, layer: number): WritableTensor[] {
  const { dimensions, feedForward, heads, kvHeads } = model.shape;
  const kvWidth = (dimensions / heads) * kvHeads;
  const matrix = (part: string, rows: number, columns: number): WritableTensor =>
    matrixTensor(model, `blk.${layer}.${part}.weight`, { part, layer, rows, columns });
  return [
    normTensor(`blk.${layer}.attn_norm.weight`, dimensions),
    matrix("attn_q", dimensions, dimensions),
    matrix("attn_k", kvWidth, dimensions),
    matrix("attn_v", kvWidth, dimensions),
    matrix("attn_output", dimensions, dimensions),
    normTensor(`blk.${layer}.ffn_norm.weight`, dimensions),
    matrix("ffn_gate", feedForward, dimensions),
    matrix("ffn_up", feedForward, dimensions),
    matrix("ffn_down", dimensions, feedForward),
  ];
}

function matrixTensor(model: LlamaModel, name: string, matrix: NamedMatrix): WritableTensor {
  const dimensions = [matrix.columns, matrix.rows];
  return { name, dimensions, type: model.type, data: () => model.weights(matrix) };
}

function normTensor(name: string, dimensions: number): WritableTensor {
  const ones = (_row: number, values: Float32Array): Float32Array => values.fill(1);
  const data = (): Uint8Array[] => [encodeRows("F32", { rows: 1, columns: dimensions }, ones)];
  return { name, dimensions: [dimensions], type: "F32", data };
}

type Entry = readonly [string, WritableValue];
const uint32 = (value: number): WritableValue => ({ kind: "uint32", value });
const float32 = (value: number): WritableValue => ({ kind: "float32", value });
const bool = (value: boolean): WritableValue => ({ kind: "bool", value });
const string = (value: string): WritableValue => ({ kind: "string", value });

function generalMetadata(model: LlamaModel): Entry[] {
  const entries: Entry[] = [
    ["general.architecture", string("llama")],
    ["general.name", string(model.name)],
    ["general.file_type", uint32(fileTypes[model.type])],
  ];
  if (model.type.startsWith("Q")) entries.push(["general.quantization_version", uint32(2)]);
  return entries;
}

function shapeMetadata({ shape, vocabulary }: LlamaModel): Entry[] {
  return [
    ["llama.block_count", uint32(shape.layers)],
    ["llama.context_length", uint32(shape.contextLength)],
    ["llama.embedding_length", uint32(shape.dimensions)],
    ["llama.feed_forward_length", uint32(shape.feedForward)],
    ["llama.attention.head_count", uint32(shape.heads)],
    ["llama.attention.head_count_kv", uint32(shape.kvHeads)],
    ["llama.attention.layer_norm_rms_epsilon", float32(1e-5)],
    ["llama.rope.dimension_count", uint32(shape.dimensions / shape.heads)],
    ["llama.rope.freq_base", float32(shape.ropeBase)],
    ["llama.vocab_size", uint32(vocabulary.length)],
  ];
}

/** What llama.cpp needs to know of the tokenizer. */
export function tokenizerMetadata({
  vocabulary,
  chatTemplate,
}: Pick<LlamaModel, "vocabulary" | "chatTemplate">): Entry[] {
  return [
    ["tokenizer.ggml.model", string("llama")],
    ["tokenizer.ggml.pre", string("default")],
    ["tokenizer.ggml.tokens", { kind: "strings", values: vocabulary.map((token) => token.text) }],
    ["tokenizer.ggml.scores", { kind: "float32s", values: vocabulary.map(() => 0) }],
    ["tokenizer.ggml.token_type", { kind: "int32s", values: vocabulary.map((token) => tokenTypes[token.type]) }],
    ["tokenizer.ggml.bos_token_id", uint32(bosTokenId)],
    ["tokenizer.ggml.eos_token_id", uint32(eosTokenId)],
    ["tokenizer.ggml.unknown_token_id", uint32(unknownTokenId)],
    ["tokenizer.ggml.add_bos_token", bool(true)],
    ["tokenizer.ggml.add_eos_token", bool(false)],
    ["tokenizer.ggml.add_space_prefix", bool(false)],
    ["tokenizer.chat_template", string(chatTemplate)],
  ];
}
