// The tensors and figures of some architectures, in any size: llama.cpp, src/models/*.cpp.

export const blueprintArchitectures = [
  "llama",
  "qwen3moe",
  "gpt-oss",
  "gemma2",
  "gemma3",
  "mamba",
  "lfm2",
  "deepseek2",
  "bert",
] as const;

export type BlueprintArchitecture = (typeof blueprintArchitectures)[number];

export type ModelSize = {
  readonly layers: number;
  /** Of the residual stream. */
  readonly width: number;
  readonly feedForward: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headWidth: number;
  readonly vocabulary: number;
  /** Tokens that a sliding layer sees. */
  readonly window: number;
  readonly experts: number;
  /** Of the experts, those that a token uses. */
  readonly expertsUsed: number;
  readonly expertWidth: number;
};

/** Columns and rows, or just the length of a vector. */
export type Shapes = Readonly<Record<string, readonly number[]>>;

export type Blueprint = {
  /** With the architecture in front. A list is one number for each layer. */
  readonly figures: Readonly<Record<string, number | boolean | readonly number[]>>;
  readonly tensors: Shapes;
  readonly layer: (layer: number) => Shapes;
};

const epsilon = 1e-5;

function general({ layers, width, feedForward, vocabulary }: ModelSize): Blueprint["figures"] {
  return {
    block_count: layers,
    context_length: 8192,
    embedding_length: width,
    feed_forward_length: feedForward,
    "attention.layer_norm_rms_epsilon": epsilon,
    "attention.layer_norm_epsilon": epsilon,
    vocab_size: vocabulary,
  };
}

function heads({ heads, kvHeads, headWidth }: ModelSize): Blueprint["figures"] {
  return {
    "attention.head_count": heads,
    "attention.head_count_kv": kvHeads,
    "attention.key_length": headWidth,
    "attention.value_length": headWidth,
    "rope.dimension_count": headWidth,
  };
}

function tied({ width, vocabulary }: ModelSize): Shapes {
  return { "token_embd.weight": [width, vocabulary], "output_norm.weight": [width] };
}

function untied(size: ModelSize): Shapes {
  return { ...tied(size), "output.weight": [size.width, size.vocabulary] };
}

function attention({ width, heads, kvHeads, headWidth }: ModelSize): Shapes {
  return {
    "attn_q.weight": [width, heads * headWidth],
    "attn_k.weight": [width, kvHeads * headWidth],
    "attn_v.weight": [width, kvHeads * headWidth],
    "attn_output.weight": [heads * headWidth, width],
  };
}

function headNorms({ headWidth }: ModelSize): Shapes {
  return { "attn_q_norm.weight": [headWidth], "attn_k_norm.weight": [headWidth] };
}

function gated({ width, feedForward }: ModelSize): Shapes {
  return {
    "ffn_norm.weight": [width],
    "ffn_gate.weight": [width, feedForward],
    "ffn_up.weight": [width, feedForward],
    "ffn_down.weight": [feedForward, width],
  };
}

function mixture({ width, experts, expertWidth }: ModelSize): Shapes {
  return {
    "ffn_gate_inp.weight": [width, experts],
    "ffn_gate_exps.weight": [width, expertWidth, experts],
    "ffn_up_exps.weight": [width, expertWidth, experts],
    "ffn_down_exps.weight": [expertWidth, width, experts],
  };
}

function mixtureFigures({ experts, expertsUsed, expertWidth }: ModelSize): Blueprint["figures"] {
  return { expert_count: experts, expert_used_count: expertsUsed, expert_feed_forward_length: expertWidth };
}

function llama(size: ModelSize): Blueprint {
  return {
    figures: { ...general(size), ...heads(size) },
    tensors: untied(size),
    layer: () => ({ "attn_norm.weight": [size.width], ...attention(size), ...gated(size) }),
  };
}

function qwen3moe(size: ModelSize): Blueprint {
  const { width } = size;
  return {
    figures: { ...general(size), ...heads(size), ...mixtureFigures(size) },
    tensors: untied(size),
    layer: () => ({
      "attn_norm.weight": [width],
      ...attention(size),
      ...headNorms(size),
      "ffn_norm.weight": [width],
      ...mixture(size),
    }),
  };
}

/** Every other layer has a window; each part has a bias, and attention may look at nothing. */
function gptOss(size: ModelSize): Blueprint {
  const { width, heads: count, experts, expertWidth, window } = size;
  const biases: Shapes = {
    "attn_output.bias": [width],
    "attn_sinks.weight": [count],
    "ffn_gate_inp.bias": [experts],
    "ffn_gate_exps.bias": [expertWidth, experts],
    "ffn_up_exps.bias": [expertWidth, experts],
    "ffn_down_exps.bias": [width, experts],
  };
  return {
    figures: { ...general(size), ...heads(size), ...mixtureFigures(size), "attention.sliding_window": window },
    tensors: untied(size),
    layer: () => ({
      "attn_norm.weight": [width],
      ...attention(size),
      "post_attention_norm.weight": [width],
      ...mixture(size),
      ...biases,
    }),
  };
}

/** Of six layers five have a window. */
function gemma3(size: ModelSize): Blueprint {
  const { width, window } = size;
  return {
    figures: { ...general(size), ...heads(size), "attention.sliding_window": window },
    tensors: tied(size),
    layer: () => ({
      "attn_norm.weight": [width],
      ...attention(size),
      ...headNorms(size),
      "post_attention_norm.weight": [width],
      ...gated(size),
      "post_ffw_norm.weight": [width],
    }),
  };
}

/** Every other layer has a window. */
function gemma2(size: ModelSize): Blueprint {
  const { figures, tensors, layer } = gemma3(size);
  const normless = (shapes: Shapes): Shapes =>
    Object.fromEntries(Object.entries(shapes).filter(([name]) => !(name in headNorms(size))));
  return { figures, tensors, layer: (index) => normless(layer(index)) };
}

const state = 16;
const kernel = 4;

function mamba(size: ModelSize): Blueprint {
  const { width } = size;
  // llama.cpp takes no other factor than two.
  const inner = 2 * width;
  const rank = width / 16;
  return {
    figures: {
      ...general(size),
      feed_forward_length: 0,
      "attention.head_count": 0,
      "ssm.conv_kernel": kernel,
      "ssm.inner_size": inner,
      "ssm.state_size": state,
      "ssm.time_step_rank": rank,
    },
    tensors: tied(size),
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
}

/** Every other layer is a convolution over three tokens. */
function lfm2(size: ModelSize): Blueprint {
  const { layers, width, kvHeads } = size;
  const { "token_embd.weight": embedding = [] } = tied(size);
  return {
    figures: {
      ...general(size),
      ...heads(size),
      "attention.head_count_kv": Array.from({ length: layers }, (_, layer) => (layer % 2) * kvHeads),
      "shortconv.l_cache": 3,
    },
    tensors: { "token_embd.weight": embedding, "token_embd_norm.weight": [width] },
    layer: (layer) => ({
      "attn_norm.weight": [width],
      ...gated(size),
      ...(layer % 2 === 1
        ? { ...attention(size), ...headNorms(size) }
        : {
            "shortconv.conv.weight": [3, width],
            "shortconv.in_proj.weight": [width, 3 * width],
            "shortconv.out_proj.weight": [width, width],
          }),
    }),
  };
}

const queryRank = 96;
const keyRank = 96;
const rotatedWidth = 32;

/** Compressed keys (MLA); the first layer has no experts. */
function deepseek2(size: ModelSize): Blueprint {
  const { width, heads: count, headWidth, expertWidth } = size;
  return {
    figures: {
      ...general(size),
      "attention.head_count": count,
      "attention.head_count_kv": 1,
      "attention.q_lora_rank": queryRank,
      "attention.kv_lora_rank": keyRank,
      "attention.key_length": keyRank + rotatedWidth,
      "attention.value_length": keyRank,
      "attention.key_length_mla": headWidth + rotatedWidth,
      "attention.value_length_mla": headWidth,
      "rope.dimension_count": rotatedWidth,
      leading_dense_block_count: 1,
      ...mixtureFigures(size),
      expert_shared_count: 1,
    },
    tensors: untied(size),
    layer: (layer) => ({
      "attn_norm.weight": [width],
      "attn_q_a_norm.weight": [queryRank],
      "attn_kv_a_norm.weight": [keyRank],
      "attn_q_a.weight": [width, queryRank],
      "attn_q_b.weight": [queryRank, count * (headWidth + rotatedWidth)],
      "attn_kv_a_mqa.weight": [width, keyRank + rotatedWidth],
      "attn_k_b.weight": [headWidth, keyRank, count],
      "attn_v_b.weight": [keyRank, headWidth, count],
      "attn_output.weight": [count * headWidth, width],
      ...(layer === 0
        ? gated(size)
        : {
            "ffn_norm.weight": [width],
            ...mixture(size),
            "ffn_gate_shexp.weight": [width, expertWidth],
            "ffn_up_shexp.weight": [width, expertWidth],
            "ffn_down_shexp.weight": [expertWidth, width],
          }),
    }),
  };
}

/** It keeps nothing and makes vectors. */
function bert(size: ModelSize): Blueprint {
  const { width, feedForward, vocabulary, heads: count } = size;
  return {
    figures: {
      ...general(size),
      ...heads({ ...size, kvHeads: count }),
      context_length: 512,
      "attention.causal": false,
    },
    tensors: {
      "token_embd.weight": [width, vocabulary],
      "token_types.weight": [width, 2],
      "position_embd.weight": [width, 512],
      "token_embd_norm.weight": [width],
      "token_embd_norm.bias": [width],
    },
    layer: () => ({
      ...attention({ ...size, kvHeads: count }),
      "attn_output_norm.weight": [width],
      "attn_output_norm.bias": [width],
      "ffn_up.weight": [width, feedForward],
      "ffn_down.weight": [feedForward, width],
      "layer_output_norm.weight": [width],
      "layer_output_norm.bias": [width],
    }),
  };
}

export const blueprints: Readonly<Record<BlueprintArchitecture, (size: ModelSize) => Blueprint>> = {
  llama,
  qwen3moe,
  "gpt-oss": gptOss,
  gemma2,
  gemma3,
  mamba,
  lfm2,
  deepseek2,
  bert,
};
