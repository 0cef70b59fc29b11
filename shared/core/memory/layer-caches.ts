// What each layer of a model keeps of a sequence: keys and values of every token, or a state of fixed size.
import type { HeaderFigures } from "./header-figures.ts";
import { isRecurrentLayer, stateValues } from "./recurrent-state.ts";
import { type SlidingWindow, slidingWindowOf } from "./sliding-window.ts";

/** What one layer keeps of one sequence. */
export type LayerCache = {
  /** Values per token, 0 where it keeps none. */
  readonly keys: number;
  /** Values per token; 0 for MLA, which computes them from the keys. */
  readonly values: number;
  /** It sees only so many tokens back; null for all. */
  readonly window: number | null;
  /** 32-bit numbers per sequence, whatever its length. */
  readonly state: number;
};

/** llama-model.cpp, `create_memory`: these are evaluated in one go and keep nothing. */
const withoutCache: ReadonlySet<string> = new Set([
  "bert",
  "jina-bert-v2",
  "jina-bert-v3",
  "nomic-bert",
  "nomic-bert-moe",
  "neo-bert",
  "eurobert",
  "wavtokenizer-dec",
  "modern-bert",
  "gemma-embedding",
  "dream",
  "llada",
  "llada-moe",
  "rnd1",
]);

/** llama-model.cpp, `create_memory`: no cache for the layers that predict further tokens. */
const trunkOnly: ReadonlySet<string> = new Set([
  "step35",
  "hy_v3",
  "glm-dsa",
  "mimo2",
  "deepseek32",
  "qwen3next",
  "qwen35",
  "qwen35moe",
  "qwen4exp",
  "minimax-01",
]);

/** Diffusion models keep nothing either, but have logits. */
const withLogits: ReadonlySet<string> = new Set(["dream", "llada", "llada-moe", "rnd1"]);

/** A model without a cache evaluates a text in one go. */
export function keepsNothing(architecture: string): boolean {
  return withoutCache.has(architecture);
}

/** Embedding models: no logits. */
export function makesVectorsOnly(architecture: string): boolean {
  return architecture === "t5encoder" || (withoutCache.has(architecture) && !withLogits.has(architecture));
}

/** One entry for each layer, in order. */
export function layerCachesOf(figures: HeaderFigures): LayerCache[] {
  if (keepsNothing(figures.architecture)) return [];
  const widths = cacheWidths(figures);
  const window = slidingWindowOf(figures);
  const state = stateValues(figures);
  const layers = Array.from({ length: figures.layers }, (_, layer): LayerCache => {
    const recurrent = isRecurrentLayer(figures, layer);
    const isSliding = window?.isSliding(layer) ?? false;
    const attends = recurrent !== "only" && keepsKeys(figures, layer);
    const { keys, values } = attends ? widths(layer, isSliding) : { keys: 0, values: 0 };
    return { keys, values, window: isSliding ? windowTokens(window) : null, state: recurrent === "no" ? 0 : state };
  });
  // Nanbeige runs its layers several times, and keeps keys and values of each time.
  const loops = figures.architecture === "nanbeige" ? (figures.number("num_loops") ?? 1) : 1;
  return Array.from({ length: loops }, () => layers).flat();
}

function windowTokens(window: SlidingWindow | null): number | null {
  return window?.tokens ?? null;
}

/** Some models share the keys and values of earlier layers with later ones (`has_kv` in llama-hparams.cpp). */
function keepsKeys(figures: HeaderFigures, layer: number): boolean {
  switch (figures.architecture) {
    case "gemma3n":
      return layer < 20;
    case "gemma4":
      return layer < figures.layers - (figures.number("attention.shared_kv_layers") ?? 0);
    default:
      return layer < (trunkOnly.has(figures.architecture) ? figures.trunkLayers : figures.layers);
  }
}

type CacheWidths = (layer: number, isSliding: boolean) => { readonly keys: number; readonly values: number };

/**
 * KV heads times head width (llama-hparams.cpp, `n_embd_k_gqa`). With MLA the heads share one compressed key, and there
 * are no values. The keys of an indexer for sparse attention are counted for every layer, though some layers share them.
 */
function cacheWidths(figures: HeaderFigures): CacheWidths {
  const heads = figures.perLayer("attention.head_count") ?? new Array<number>(figures.layers).fill(0);
  const kvHeads = figures.perLayer("attention.head_count_kv") ?? heads;
  // llama.cpp takes the first layer; where that has no heads, this stays above it.
  const headCount = (heads[0] ?? 0) > 0 ? (heads[0] ?? 0) : heads.reduce((most, count) => Math.max(most, count), 0);
  const headWidth = headCount > 0 ? Math.floor(figures.width / headCount) : 0;
  const key = figures.number("attention.key_length") ?? headWidth;
  const value = figures.number("attention.value_length") ?? headWidth;
  const slidingKey = figures.number("attention.key_length_swa") ?? key;
  const slidingValue = figures.number("attention.value_length_swa") ?? value;
  const isMla = isMlaModel(figures);
  const indexer = figures.number("attention.indexer.key_length") ?? 0;
  return (layer, isSliding) => {
    const count = kvHeads[layer] ?? 0;
    const keys = count * (isSliding ? slidingKey : key) + (count > 0 ? indexer : 0);
    return { keys, values: isMla ? 0 : count * (isSliding ? slidingValue : value) };
  };
}

/** Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434), in the form that llama.cpp keeps compressed. */
export function isMlaModel(figures: HeaderFigures): boolean {
  return (figures.number("attention.key_length_mla") ?? 0) > 0;
}
