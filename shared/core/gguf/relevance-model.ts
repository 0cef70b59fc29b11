// The relevance model ranks: its score is a known function of how many plus signs stand in the query and the document.
//
// Queries and keys of zero make attention uniform, so that its value is the mean of all tokens: a plus counts 1, any
// other token -1, the end token 0. A classifier reads the mean off the token that the architecture looks at: the last
// one of Qwen3, where it also tells whether that is the end token, or the first one of BERT.
import { encodeRows } from "./blocks.ts";
import { tokenizerMetadata } from "./llama-model.ts";
import { bosTokenId, characterTokenId, createVocabulary, eosTokenId, tokenizeText } from "./vocabulary.ts";
import { walshCode } from "./walsh-codes.ts";
import type { GgufModel, WritableTensor, WritableValue } from "./writer.ts";

export type RelevanceArchitecture = "qwen3" | "bert";

export type RelevanceOptions = {
  /** Default `qwen3`: a softmax over yes and no. That of BERT is one number before the logistic function. */
  readonly architecture?: RelevanceArchitecture;
  /** The text around `{query}` and `{document}`; default null, which leaves it to tokens between them. */
  readonly template?: string | null;
  /** Whether a text ends with the end token, which then also ends the query; default true. */
  readonly addsEos?: boolean;
  /** Default true. */
  readonly addsBos?: boolean;
  /** Whether a separator, which is the end token too, stands before the document; default false. */
  readonly addsSeparator?: boolean;
  /** Default 8,192. */
  readonly contextLength?: number;
};

const vocabulary = createVocabulary([]);
const width = 64;
const feedForward = 64;
/** Where the mean is, before attention writes its code. */
const meanChannel = 0;
const codes = { constant: 1, mark: 2, mean: 3, end: 4 } as const;
/** How much the logits differ at a mean of 1. */
const strength = 4;
/** What the end token at the end is worth, in means. */
const endWorth = 0.5;

const plusTokenId = characterTokenId("+");

export function relevanceModel(options: RelevanceOptions = {}): GgufModel {
  const { architecture = "qwen3", template = null, contextLength = 8192 } = options;
  const metadata = new Map<string, WritableValue>([
    ["general.architecture", { kind: "string", value: architecture }],
    ["general.name", { kind: "string", value: `relevance-${architecture}` }],
    ...tokenizerMetadata({ vocabulary, chatTemplate: "" }),
  ]);
  metadata.delete("tokenizer.chat_template");
  if (template !== null) metadata.set("tokenizer.chat_template.rerank", { kind: "string", value: template });
  const { addsBos = true, addsEos = true, addsSeparator = false } = options;
  metadata.set("tokenizer.ggml.add_bos_token", { kind: "bool", value: addsBos });
  metadata.set("tokenizer.ggml.add_eos_token", { kind: "bool", value: addsEos });
  metadata.set("tokenizer.ggml.add_sep_token", { kind: "bool", value: addsSeparator });
  metadata.set("tokenizer.ggml.seperator_token_id", { kind: "uint32", value: eosTokenId });
  metadata.set("tokenizer.ggml.token_type_count", { kind: "uint32", value: 1 });
  for (const [key, value] of figuresOf(architecture, contextLength)) metadata.set(`${architecture}.${key}`, value);
  return { metadata, tensors: architecture === "qwen3" ? qwen3Tensors() : bertTensors(contextLength) };
}

/** The score of a document: what the engine is to give within 1e-4. */
export function predictRelevance(query: string, document: string, options: RelevanceOptions = {}): number {
  const tokenIds = relevanceInput(query, document, options);
  const mean = tokenIds.reduce((sum, id) => sum + markOf(id), 0) / tokenIds.length;
  if (options.architecture === "bert") return logistic(strength * Math.tanh(mean / Math.sqrt(1 + mean ** 2)));
  const end = tokenIds.at(-1) === eosTokenId ? endWorth : 0;
  return logistic((strength * (mean + end)) / Math.sqrt(2 + mean ** 2));
}

/** The tokens of a query and a document as llama.cpp's server lays them out. */
function relevanceInput(query: string, document: string, options: RelevanceOptions = {}): number[] {
  const { template = null, addsBos = true, addsEos = true, addsSeparator = false } = options;
  const begin = addsBos ? [bosTokenId] : [];
  const end = addsEos ? [eosTokenId] : [];
  if (template !== null) {
    const text = template.replace(/\{(query|document)\}/g, (_, name) => (name === "query" ? query : document));
    return [...begin, ...tokenizeText(text), ...end];
  }
  // Where a file asks for nothing between the two, an end token keeps them apart all the same.
  const separator = addsSeparator || !addsEos ? [eosTokenId] : [];
  return [...begin, ...tokenizeText(query), ...end, ...separator, ...tokenizeText(document), ...end];
}

function markOf(tokenId: number): number {
  if (tokenId === eosTokenId) return 0;
  return tokenId === plusTokenId ? 1 : -1;
}

function logistic(value: number): number {
  return 1 / (1 + Math.exp(-value));
}

function figuresOf(architecture: RelevanceArchitecture, contextLength: number): [string, WritableValue][] {
  const figures: [string, number][] = [
    ["block_count", 1],
    ["context_length", contextLength],
    ["embedding_length", width],
    ["feed_forward_length", feedForward],
    ["attention.head_count", 1],
    ["attention.head_count_kv", 1],
    ["rope.dimension_count", width],
    ["vocab_size", vocabulary.length],
    // LLAMA_POOLING_TYPE_RANK.
    ["pooling_type", 4],
  ];
  const epsilon: WritableValue = { kind: "float32", value: 1e-6 };
  return [
    ...figures.map(([key, value]): [string, WritableValue] => [key, { kind: "uint32", value }]),
    ["attention.layer_norm_rms_epsilon", epsilon],
    ["attention.layer_norm_epsilon", epsilon],
    ...(architecture === "qwen3"
      ? ([["classifier.output_labels", { kind: "strings", values: ["yes", "no"] }]] satisfies [string, WritableValue][])
      : ([["attention.causal", { kind: "bool", value: false }]] satisfies [string, WritableValue][])),
  ];
}

/** The product of an embedding after its normalisation with this many times the mark's code is 1, 0 or -1. */
const markScale = Math.SQRT2 / width;

function embedding(): WritableTensor {
  return matrix("token_embd.weight", vocabulary.length, (id, values) => {
    addCode(values, codes.constant, 1);
    if (id === eosTokenId) addCode(values, codes.end, 1);
    else addCode(values, codes.mark, markOf(id));
  });
}

function attention(): WritableTensor[] {
  return [
    matrix("blk.0.attn_q.weight", width),
    matrix("blk.0.attn_k.weight", width),
    matrix("blk.0.attn_v.weight", width, (row, values) => {
      if (row === meanChannel) addCode(values, codes.mark, markScale);
    }),
    matrix("blk.0.attn_output.weight", width, (row, values) => {
      values[meanChannel] = walshCode(codes.mean, row, width);
    }),
    matrix("blk.0.ffn_up.weight", feedForward),
    matrix("blk.0.ffn_down.weight", width),
  ];
}

/** Residual: two codes and the mean times a third, so that the last normalisation divides by sqrt(2 + mean^2). */
function qwen3Tensors(): WritableTensor[] {
  const norms = ["output_norm", "blk.0.attn_norm", "blk.0.attn_q_norm", "blk.0.attn_k_norm", "blk.0.ffn_norm"];
  return [
    embedding(),
    ...norms.map((name) => vector(`${name}.weight`, 1)),
    ...attention(),
    matrix("blk.0.ffn_gate.weight", feedForward),
    matrix("cls.output.weight", 2, (label, values) => {
      const half = ((label === 0 ? 1 : -1) * strength) / 2 / width;
      addCode(values, codes.mean, half);
      addCode(values, codes.end, half * endWorth);
    }),
  ];
}

/** Each addition is normalised: two codes to a length of 1, then they and the mean times a third. */
function bertTensors(contextLength: number): WritableTensor[] {
  const norms = ["token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm"];
  return [
    embedding(),
    matrix("token_types.weight", 1),
    matrix("position_embd.weight", contextLength),
    ...norms.flatMap((name) => [vector(`${name}.weight`, 1), vector(`${name}.bias`, 0)]),
    ...attention(),
    matrix("cls.weight", width, (row, values) => {
      if (row === 0) addCode(values, codes.mean, 1 / width);
    }),
    vector("cls.bias", 0),
    matrix("cls.output.weight", 1, (_row, values) => {
      values[0] = strength;
    }),
    vector("cls.output.bias", 0, 1),
  ];
}

function addCode(values: Float32Array, code: number, factor: number): void {
  for (let i = 0; i < width; i++) values[i] = (values[i] ?? 0) + factor * walshCode(code, i, width);
}

/** As wide as the model; zeros where nothing fills it. */
function matrix(name: string, rows: number, fill: (row: number, values: Float32Array) => void = () => {}) {
  const data = (): Uint8Array[] => [encodeRows("F32", { rows, columns: width }, fill)];
  return { name, dimensions: [width, rows], type: "F32", data } as const;
}

function vector(name: string, value: number, length = width): WritableTensor {
  const data = (): Uint8Array[] => [
    encodeRows("F32", { rows: 1, columns: length }, (_row, values) => void values.fill(value)),
  ];
  return { name, dimensions: [length], type: "F32", data };
}
