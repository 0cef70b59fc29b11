// Layers that keep a state of fixed size instead of keys and values: Mamba, RWKV, linear attention, convolutions.
import type { HeaderFigures } from "./header-figures.ts";

/** llama-arch.cpp, `llm_arch_is_recurrent`: no layer attends. */
const recurrent: ReadonlySet<string> = new Set(["mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"]);

/** `llm_arch_is_hybrid`, of those the ones whose layers without KV heads are recurrent. */
const hybridByHeads: ReadonlySet<string> = new Set([
  "bailingmoe3",
  "granitehybrid",
  "jamba",
  "kimi-k3",
  "kimi-linear",
  "lfm2",
  "lfm2moe",
  "plamo2",
]);

/** Of so many layers in a row the last one attends, unless the file says otherwise. */
const hybridByInterval: ReadonlyMap<string, number> = new Map([
  ["minimax-01", 8],
  ["qwen35", 4],
  ["qwen35moe", 4],
  ["qwen3next", 4],
  ["qwen4exp", 4],
]);

/** `only` is without keys and values, `too` with both. */
export type Recurrence = "no" | "only" | "too";

/** As the architectures set `is_recr_impl` and `create_memory` filters the layers (llama-model.cpp). */
export function isRecurrentLayer(figures: HeaderFigures, layer: number): Recurrence {
  const { architecture } = figures;
  if (layer >= figures.trunkLayers) return "no";
  if (recurrent.has(architecture)) return "only";
  if (hybridByHeads.has(architecture)) return hasKvHeads(figures, layer) ? "no" : "only";
  const interval = hybridByInterval.get(architecture);
  if (interval !== undefined) return isLinear(figures, layer, interval) ? "only" : "no";
  if (architecture === "nemotron_h" || architecture === "nemotron_h_moe") return nemotronLayer(figures, layer);
  // Falcon-H1 has both in every layer. An architecture that is not known here and has such states may have them too.
  return stateValues(figures) > 0 ? "too" : "no";
}

function hasKvHeads(figures: HeaderFigures, layer: number): boolean {
  const heads = figures.perLayer("attention.head_count_kv") ?? figures.perLayer("attention.head_count");
  return (heads?.[layer] ?? 0) > 0;
}

function isLinear(figures: HeaderFigures, layer: number, defaultInterval: number): boolean {
  const flags = figures.flags("attention.recurrent_layers");
  if (flags !== null) return flags[layer] ?? false;
  const interval = figures.number("full_attention_interval") ?? defaultInterval;
  return (layer + 1) % Math.max(1, interval) !== 0;
}

/** A layer with a feed-forward part is nothing else; its KV heads are 0 as well. */
function nemotronLayer(figures: HeaderFigures, layer: number): Recurrence {
  const isFeedForward = (figures.perLayer("feed_forward_length")?.[layer] ?? 0) > 0;
  return hasKvHeads(figures, layer) || isFeedForward ? "no" : "only";
}

/**
 * 32-bit numbers that a recurrent layer keeps of a sequence: llama-hparams.cpp, `n_embd_r` (the last inputs of a
 * convolution or a token shift) and `n_embd_s` (the state proper).
 */
export function stateValues(figures: HeaderFigures): number {
  const { width } = figures;
  const figure = (key: string): number => figures.number(key) ?? 0;
  const heads = figures.perLayer("attention.head_count")?.[0] ?? 0;
  const kernel = figure("ssm.conv_kernel");
  const rwkvHead = figure("wkv.head_size");
  if (rwkvHead > 0) return width * ((figures.number("token_shift_count") ?? 2) + rwkvHead);
  const convolution = figure("shortconv.l_cache");
  if (convolution > 0) return width * (convolution - 1);
  const kdaHead = figure("kda.head_dim");
  if (kdaHead > 0) return heads * kdaHead * (3 * (kernel > 0 ? kernel - 1 : 3) + kdaHead);
  if (figures.architecture === "minimax-01") return heads * headWidth(figures, heads) ** 2;
  const inner = figure("ssm.inner_size");
  const state = figure("ssm.state_size");
  return Math.max(0, kernel - 1) * (inner + 2 * figure("ssm.group_count") * state) + state * inner;
}

function headWidth(figures: HeaderFigures, heads: number): number {
  return figures.number("attention.key_length") ?? Math.floor(figures.width / Math.max(1, heads));
}
