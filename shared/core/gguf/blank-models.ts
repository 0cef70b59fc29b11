// Tiny models of other architectures than Llama, with weights of zero: they load and compute, and tell how much memory
// the engine takes for what Llama has not.
import { countingModel } from "./counting-model.ts";
import type { GgufModel, WritableTensor, WritableValue } from "./writer.ts";

/** A sliding window, a state alone, states beside attention, compressed keys (MLA) with experts, no cache at all. */
export type BlankArchitecture = "gemma3" | "mamba" | "lfm2" | "deepseek2" | "bert";

export const blankArchitectures: readonly BlankArchitecture[] = ["gemma3", "mamba", "lfm2", "deepseek2", "bert"];

/** Columns and rows, or just the length of a vector. */
type Shapes = Readonly<Record<string, readonly number[]>>;

type Blank = {
  /** With the architecture in front. A list is one number for each layer. */
  readonly figures: Readonly<Record<string, number | boolean | readonly number[]>>;
  readonly tensors: Shapes;
  readonly layer: (layer: number, feedForward: number) => Shapes;
};

const layers = 6;
const width = 128;
const headWidth = 64;
const smallFeedForward = 256;
/** That of the counting model. */
const vocabulary = 354;
const epsilon = 1e-5;

const general = {
  block_count: layers,
  embedding_length: width,
  "attention.layer_norm_rms_epsilon": epsilon,
  "attention.layer_norm_epsilon": epsilon,
  vocab_size: vocabulary,
};
const heads = { "attention.head_count": 2, "attention.head_count_kv": 1, "rope.dimension_count": headWidth };
const tiedOutput: Shapes = { "token_embd.weight": [width, vocabulary], "output_norm.weight": [width] };
const attention: Shapes = {
  "attn_q.weight": [width, width],
  "attn_k.weight": [width, headWidth],
  "attn_v.weight": [width, headWidth],
  "attn_output.weight": [width, width],
};
const headNorms: Shapes = { "attn_q_norm.weight": [headWidth], "attn_k_norm.weight": [headWidth] };
const gated = (feedForward: number): Shapes => ({
  "ffn_norm.weight": [width],
  "ffn_gate.weight": [width, feedForward],
  "ffn_up.weight": [width, feedForward],
  "ffn_down.weight": [feedForward, width],
});

/** Six layers with a window of 256, of which the last one sees everything. */
const gemma3: Blank = {
  figures: { ...general, ...heads, context_length: 8192, "attention.sliding_window": 256 },
  tensors: tiedOutput,
  layer: (_, feedForward) => ({
    "attn_norm.weight": [width],
    ...attention,
    ...headNorms,
    "post_attention_norm.weight": [width],
    ...gated(feedForward),
    "post_ffw_norm.weight": [width],
  }),
};

const inner = 2 * width;
const state = 16;
const rank = 8;
const kernel = 4;

const mamba: Blank = {
  figures: {
    ...general,
    context_length: 8192,
    feed_forward_length: 0,
    "attention.head_count": 0,
    "ssm.conv_kernel": kernel,
    "ssm.inner_size": inner,
    "ssm.state_size": state,
    "ssm.time_step_rank": rank,
  },
  tensors: tiedOutput,
  layer: () => ({
    "attn_norm.weight": [width],
    "ssm_in.weight": [width, 2 * inner],
    "ssm_conv1d.weight": [kernel, inner],
    "ssm_conv1d.bias": [inner],
    "ssm_x.weight": [inner, rank + 2 * state],
    "ssm_dt.weight": [rank, inner],
    "ssm_dt.bias": [inner],
    ssm_a: [state, inner],
    ssm_d: [inner],
    "ssm_out.weight": [inner, width],
  }),
};

/** Every other layer is a convolution over three tokens. */
const lfm2: Blank = {
  figures: {
    ...general,
    ...heads,
    context_length: 8192,
    "attention.head_count_kv": [0, 1, 0, 1, 0, 1],
    "shortconv.l_cache": 3,
  },
  tensors: { "token_embd.weight": [width, vocabulary], "token_embd_norm.weight": [width] },
  layer: (layer, feedForward) => ({
    "attn_norm.weight": [width],
    ...gated(feedForward),
    ...(layer % 2 === 1
      ? { ...attention, ...headNorms }
      : {
          "shortconv.conv.weight": [3, width],
          "shortconv.in_proj.weight": [width, 3 * width],
          "shortconv.out_proj.weight": [width, width],
        }),
  }),
};

const queryRank = 96;
const keyRank = 96;
const rotated = 32;
const experts = 4;
const expertWidth = 64;

const deepseek2: Blank = {
  figures: {
    ...general,
    context_length: 8192,
    "attention.head_count": 2,
    "attention.head_count_kv": 1,
    "attention.q_lora_rank": queryRank,
    "attention.kv_lora_rank": keyRank,
    "attention.key_length": keyRank + rotated,
    "attention.value_length": keyRank,
    "attention.key_length_mla": headWidth + rotated,
    "attention.value_length_mla": headWidth,
    "rope.dimension_count": rotated,
    leading_dense_block_count: 1,
    expert_count: experts,
    expert_used_count: 2,
    expert_feed_forward_length: expertWidth,
    expert_shared_count: 1,
  },
  tensors: { ...tiedOutput, "output.weight": [width, vocabulary] },
  layer: (layer, feedForward) => ({
    "attn_norm.weight": [width],
    "attn_q_a_norm.weight": [queryRank],
    "attn_kv_a_norm.weight": [keyRank],
    "attn_q_a.weight": [width, queryRank],
    "attn_q_b.weight": [queryRank, 2 * (headWidth + rotated)],
    "attn_kv_a_mqa.weight": [width, keyRank + rotated],
    "attn_k_b.weight": [headWidth, keyRank, 2],
    "attn_v_b.weight": [keyRank, headWidth, 2],
    "attn_output.weight": [2 * headWidth, width],
    ...(layer === 0 ? gated(feedForward) : expertShapes()),
  }),
};

function expertShapes(): Shapes {
  return {
    "ffn_norm.weight": [width],
    "ffn_gate_inp.weight": [width, experts],
    "ffn_gate_exps.weight": [width, expertWidth, experts],
    "ffn_up_exps.weight": [width, expertWidth, experts],
    "ffn_down_exps.weight": [expertWidth, width, experts],
    "ffn_gate_shexp.weight": [width, expertWidth],
    "ffn_up_shexp.weight": [width, expertWidth],
    "ffn_down_shexp.weight": [expertWidth, width],
  };
}

const bert: Blank = {
  figures: { ...general, ...heads, context_length: 512, "attention.head_count_kv": 2, "attention.causal": false },
  tensors: {
    "token_embd.weight": [width, vocabulary],
    "token_types.weight": [width, 2],
    "position_embd.weight": [width, 512],
    "token_embd_norm.weight": [width],
    "token_embd_norm.bias": [width],
  },
  layer: (_, feedForward) => ({
    ...attention,
    "attn_k.weight": [width, width],
    "attn_v.weight": [width, width],
    "attn_output_norm.weight": [width],
    "attn_output_norm.bias": [width],
    "ffn_up.weight": [width, feedForward],
    "ffn_down.weight": [feedForward, width],
    "layer_output_norm.weight": [width],
    "layer_output_norm.bias": [width],
  }),
};

const blanks: Readonly<Record<BlankArchitecture, Blank>> = { gemma3, mamba, lfm2, deepseek2, bert };

/** A wider feed-forward part makes larger weights of an architecture that has one, and nothing else larger. */
export function blankModel(architecture: BlankArchitecture, feedForward = smallFeedForward): GgufModel {
  const { figures: own, tensors, layer } = blanks[architecture];
  const figures = { feed_forward_length: feedForward, ...own };
  const metadata = new Map<string, WritableValue>([
    ["general.architecture", { kind: "string", value: architecture }],
    ["general.name", { kind: "string", value: `blank-${architecture}` }],
    ["tokenizer.ggml.token_type_count", { kind: "uint32", value: 2 }],
  ]);
  for (const [key, value] of countingModel().metadata) if (key.startsWith("tokenizer.")) metadata.set(key, value);
  for (const [key, value] of Object.entries(figures)) metadata.set(`${architecture}.${key}`, writable(value));
  const inLayers = Array.from({ length: layers }, (_, index) =>
    Object.entries(layer(index, feedForward)).map(([name, shape]) => blankTensor(`blk.${index}.${name}`, shape)),
  );
  const named = Object.entries(tensors).map(([name, shape]) => blankTensor(name, shape));
  return { metadata, tensors: [...named, ...inLayers.flat()] };
}

function writable(value: number | boolean | readonly number[]): WritableValue {
  if (typeof value === "boolean") return { kind: "bool", value };
  if (typeof value === "number") return { kind: Number.isInteger(value) ? "uint32" : "float32", value };
  return { kind: "int32s", values: value };
}

function blankTensor(name: string, dimensions: readonly number[]): WritableTensor {
  const bytes = 4 * dimensions.reduce((product, dimension) => product * dimension, 1);
  return { name, dimensions, type: "F32", data: () => [new Uint8Array(bytes)] };
}
