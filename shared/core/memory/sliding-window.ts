// Which layers look only at the last tokens, as llama.cpp hard-codes it (src/models/*.cpp, `load_arch_hparams`).
import type { HeaderFigures } from "./header-figures.ts";

export type SlidingWindow = {
  readonly tokens: number;
  readonly isSliding: (layer: number) => boolean;
};

type WindowRule = {
  /** Of so many layers in a row one is not sliding: the last, or the first where `isDenseFirst`. */
  readonly period: number;
  readonly isDenseFirst?: true;
  /** The window where the file does not name one. Without it no window means no sliding layer. */
  readonly defaultTokens?: number;
  /** The window whatever the file says, unless it says 0. */
  readonly fixedTokens?: number;
  /** An array in the file says which layers slide; the others ignore an array. */
  readonly takesArray?: true;
  /** Only models of so many layers have windows. */
  readonly onlyLayers?: number;
};

/** llama.cpp v0.4.0. Its `phi3` reads a window and ignores it; architectures that are not here have none. */
const rules: ReadonlyMap<string, WindowRule> = new Map<string, WindowRule>([
  ["afmoe", { period: 4 }],
  ["cohere2", { period: 4 }],
  ["cohere2moe", { period: 4, isDenseFirst: true, takesArray: true }],
  ["exaone-moe", { period: 4, defaultTokens: 128 }],
  ["exaone4", { period: 4, defaultTokens: 4096, onlyLayers: 64 }],
  ["gemma2", { period: 2, defaultTokens: 4096 }],
  ["gemma3", { period: 6 }],
  ["gemma3n", { period: 5 }],
  ["gpt-oss", { period: 2 }],
  ["laguna", { period: 4, isDenseFirst: true }],
  ["llama4", { period: 4, defaultTokens: 8192, fixedTokens: 8192 }],
  ["mellum", { period: 4, takesArray: true }],
  ["muse-glimmer", { period: 4, takesArray: true }],
  ["olmo2", { period: 4 }],
  ["plamo3", { period: 8 }],
  ["smallthinker", { period: 4, isDenseFirst: true, fixedTokens: 4096 }],
]);

/** The file alone says which layers slide: an array, or one yes or no for all. */
const listing: ReadonlySet<string> = new Set(["gemma4", "granite_swa", "mimo2", "step35"]);

export const windowKey = "attention.sliding_window";
/** Some files say all that 32 bits can where they mean none. */
export const windowMax = 2 ** 32;
const patternKey = "attention.sliding_window_pattern";

/** Null when all layers see the whole context. */
export function slidingWindowOf(figures: HeaderFigures): SlidingWindow | null {
  const named = figures.number(windowKey, windowMax);
  if (named === 0) return null;
  const { architecture } = figures;
  // All layers that attend at all.
  if (architecture === "lfm2") return named === null ? null : { tokens: named, isSliding: () => true };
  if (listing.has(architecture)) return listedWindow(figures, named);
  const rule = rules.get(architecture);
  return rule === undefined ? null : ruledWindow(figures, rule, named);
}

function listedWindow(figures: HeaderFigures, tokens: number | null): SlidingWindow | null {
  const flags = figures.flags(patternKey);
  return tokens === null || flags === null ? null : { tokens, isSliding: (layer) => flags[layer] ?? false };
}

function ruledWindow(figures: HeaderFigures, rule: WindowRule, named: number | null): SlidingWindow | null {
  if (rule.onlyLayers !== undefined && rule.onlyLayers !== figures.trunkLayers) return null;
  const tokens = named === null ? (rule.defaultTokens ?? null) : (rule.fixedTokens ?? named);
  if (tokens === null) return null;
  const flags = rule.takesArray === true ? figures.flags(patternKey) : null;
  if (flags !== null) return { tokens, isSliding: (layer) => flags[layer] ?? false };
  const period = figures.scalar(patternKey) ?? rule.period;
  const trunkLayers = figures.trunkLayers;
  return { tokens, isSliding: (layer) => layer < trunkLayers && isSlidingInPeriod(layer, period, rule) };
}

/** llama-hparams.cpp, `set_swa_pattern`: a period of 0 is all layers. */
function isSlidingInPeriod(layer: number, period: number, { isDenseFirst }: WindowRule): boolean {
  if (period === 0) return true;
  return isDenseFirst === true ? layer % period !== 0 : layer % period < period - 1;
}
