// What a graph is built for, and what it reads.
import type { ComputeGraph, Tensor } from "./compute-graph.ts";
import type { LayerCache } from "./layer-caches.ts";

/** Widths in values per token. */
export type GraphShape = {
  /** Of the residual stream. */
  readonly width: number;
  readonly feedForward: number;
  /** 0 for a model that makes vectors alone. */
  readonly vocabulary: number;
  readonly heads: number;
  readonly keyWidth: number;
  readonly valueWidth: number;
  readonly layers: readonly LayerCache[];
  readonly experts: ExpertShape;
  readonly states: StateShape;
};

/** All 0 without experts. */
export type ExpertShape = {
  readonly count: number;
  readonly used: number;
  readonly feedForward: number;
  /** So many layers at the beginning have none. */
  readonly denseLayers: number;
};

/** Of recurrent layers (Mamba: arXiv 2312.00752) and short convolutions; all 0 without. */
export type StateShape = {
  readonly inner: number;
  readonly size: number;
  readonly rank: number;
  /** Tokens that a convolution sees. */
  readonly kernel: number;
};

/** One evaluation at its largest. */
export type GraphLoad = {
  /** A multiple of the slots. */
  readonly tokens: number;
  /** Tokens whose logits are wanted: at worst the whole batch. */
  readonly outputs: number;
  readonly slots: number;
  /** Tokens that one slot keeps. */
  readonly cells: number;
  /** The same in layers with a window; 0 without such. */
  readonly slidingCells: number;
  readonly hasFlashAttention: boolean;
  readonly hasQuantisedKv: boolean;
};

/** Of one cache. */
export type CacheInputs = {
  readonly keyRotation: Tensor | null;
  readonly valueRotation: Tensor | null;
  readonly keyIndices: Tensor;
  readonly valueIndices: Tensor;
  readonly mask: Tensor;
};

/** They get their places in the order in which the graph meets them. */
export type GraphInputs = {
  readonly positions: Tensor;
  readonly whole: CacheInputs;
  readonly sliding: CacheInputs;
  /** Which tokens' logits are wanted. */
  readonly outputIds: Tensor;
  readonly stateIds: Tensor;
};

/** A graph under construction. */
export type GraphRun = {
  readonly graph: ComputeGraph;
  readonly shape: GraphShape;
  readonly load: GraphLoad;
  readonly inputs: GraphInputs;
  /** Values of the widest layer, which all are as wide as without flash attention. */
  readonly valuesMost: number;
};

export function openRun(graph: ComputeGraph, shape: GraphShape, load: GraphLoad): GraphRun {
  const valuesMost = shape.layers.reduce((most, layer) => Math.max(most, layer.values), 0);
  const cache = (cells: number): CacheInputs => cacheInputs(graph, { shape, load, cells, valuesMost });
  const inputs = {
    positions: graph.input([load.tokens]),
    whole: cache(load.cells),
    sliding: cache(load.slidingCells),
    outputIds: graph.input([load.outputs]),
    stateIds: graph.view(graph.input([load.slots]), [load.slots]),
  };
  return { graph, shape, load, inputs, valuesMost };
}

const indexBytes = 8;

type Cache = {
  readonly shape: GraphShape;
  readonly load: GraphLoad;
  readonly cells: number;
  readonly valuesMost: number;
};

/** The mask has 16 bits a value with flash attention, else 32, and then every value has an index. */
function cacheInputs(graph: ComputeGraph, { shape, load, cells, valuesMost }: Cache): CacheInputs {
  const { tokens, hasFlashAttention, hasQuantisedKv } = load;
  const rotation = (width: number, side: (width: number) => number): Tensor | null =>
    hasQuantisedKv && width > 0 && width % smallestRotation === 0 ? graph.input([side(width), side(width)]) : null;
  return {
    keyRotation: rotation(shape.keyWidth, rotationSide),
    valueRotation: rotation(shape.valueWidth, () => smallestRotation),
    keyIndices: graph.input([tokens], indexBytes),
    valueIndices: graph.input([hasFlashAttention ? tokens : tokens * valuesMost], indexBytes),
    mask: graph.input([cells, tokens], hasFlashAttention ? 2 : 4),
  };
}

/** llama-kv-cache.cpp: quantised keys and values are rotated by matrices whose side divides the width of a head. */
const smallestRotation = 64;

/** `build_input_k_rot`: the largest power of two, from 64 on, that divides the width. */
function rotationSide(width: number): number {
  let side = smallestRotation;
  while (width % (2 * side) === 0) side *= 2;
  return side;
}
