// The parts that layers are made of: llama.cpp's src/llama-graph.cpp, src/models/mamba-base.cpp and lfm2.cpp.
import type { Tensor } from "./compute-graph.ts";
import type { CacheInputs, GraphRun } from "./graph-inputs.ts";
import type { LayerCache } from "./layer-caches.ts";

/** A matrix times what is there. */
export function product({ graph }: GraphRun, operand: Tensor, width: number): Tensor {
  return graph.result([width, ...operand.shape.slice(1)], operand);
}

/** With the vector that its result is multiplied by. */
export function norm({ graph }: GraphRun, operand: Tensor): Tensor {
  return graph.replacement(operand.shape, operand);
}

export function sum({ graph }: GraphRun, one: Tensor, other: Tensor): Tensor {
  return graph.replacement(one.shape, one, other);
}

/** Those tokens only whose logits are wanted. */
export function wantedRows({ graph, shape, inputs, load }: GraphRun, of: Tensor): Tensor {
  return graph.result([shape.width, load.outputs], of, inputs.outputIds);
}

/** Gate and up side by side, then their product. */
export function feedForward(run: GraphRun, operand: Tensor): Tensor {
  const { graph, shape } = run;
  const up = product(run, operand, shape.feedForward);
  const gate = product(run, operand, shape.feedForward);
  return product(run, graph.result(gate.shape, gate, up), shape.width);
}

/** `build_moe_ffn` where gate and up are matrices of their own, and the weights of the chosen experts add up to one. */
export function expertFeedForward(run: GraphRun, operand: Tensor, weighsChosenOnly: boolean): Tensor {
  const { graph, shape } = run;
  const { count, used, feedForward: inner } = shape.experts;
  const [, tokens = 0] = operand.shape;
  const logits = product(run, operand, count);
  const shares = weighsChosenOnly ? logits : graph.replacement(logits.shape, logits);
  const chosen = graph.view(graph.result([count, tokens], shares), [used, tokens]);
  const weights = expertWeights(run, { shares, chosen, weighsChosenOnly });
  graph.expand(weights);
  const input = graph.view(operand, [shape.width, 1, tokens]);
  const up = graph.result([inner, used, tokens], input, chosen);
  const gate = graph.result([inner, used, tokens], input, chosen);
  const made = graph.result([shape.width, used, tokens], graph.result(gate.shape, gate, up), chosen);
  const weighted = graph.replacement(made.shape, made, weights);
  graph.expand(weighted);
  return addedUp(run, weighted);
}

type Choice = { readonly shares: Tensor; readonly chosen: Tensor; readonly weighsChosenOnly: boolean };

function expertWeights({ graph, shape }: GraphRun, { shares, chosen, weighsChosenOnly }: Choice): Tensor {
  const { count, used } = shape.experts;
  const [, tokens = 0] = shares.shape;
  const picked = graph.result([1, used, tokens], graph.view(shares, [1, count, tokens]), chosen);
  const flat = graph.view(picked, [used, tokens]);
  if (weighsChosenOnly) return graph.view(graph.replacement(flat.shape, flat), [1, used, tokens]);
  const total = graph.result([1, tokens], flat);
  const divided = graph.replacement(flat.shape, flat, graph.replacement(total.shape, total));
  return graph.view(divided, [1, used, tokens]);
}

function addedUp({ graph, shape }: GraphRun, weighted: Tensor): Tensor {
  const [, , tokens = 0] = weighted.shape;
  const each = Array.from({ length: shape.experts.used }, () => graph.view(weighted, [shape.width, tokens]));
  for (const one of each) graph.expand(one);
  const [first = weighted, ...rest] = each;
  if (rest.length === 0) return graph.result(first.shape, first);
  return rest.reduce((total, one) => {
    const next = graph.replacement(total.shape, total, one);
    graph.expand(next);
    return next;
  }, first);
}

export type Attention = {
  readonly layer: LayerCache;
  /** Queries and keys are normalised head by head. */
  readonly hasHeadNorms: boolean;
};

/** `build_attn`, for one cache (`attn_kv`) and for one of two (`attn_kv_iswa`). */
export function attention(run: GraphRun, operand: Tensor, { layer, hasHeadNorms }: Attention): Tensor {
  const { graph, shape, inputs } = run;
  const cache = layer.window === null ? inputs.whole : inputs.sliding;
  const hasWindows = shape.layers.some(({ window }) => window !== null);
  const turned = (values: number): Tensor => {
    const projected = heads(run, product(run, operand, values), shape.keyWidth);
    const source = hasHeadNorms ? norm(run, projected) : projected;
    return rotated(run, graph.replacement(source.shape, source, inputs.positions), cache.keyRotation);
  };
  const query = turned(shape.heads * shape.keyWidth);
  const key = turned(layer.keys);
  const value = rotated(run, heads(run, product(run, operand, layer.values), shape.valueWidth), cache.valueRotation);
  for (const one of hasWindows ? [query, key, value] : [query, value, key]) graph.expand(one);
  graph.expand(graph.written(flat(run, key), cache.keyIndices));
  graph.expand(graph.written(kept(run, value), cache.valueIndices));
  const mixed = mix(run, query, { layer, cache });
  graph.expand(mixed);
  return product(run, flat(run, rotated(run, mixed, cache.valueRotation)), shape.width);
}

function heads({ graph, load }: GraphRun, of: Tensor, headWidth: number): Tensor {
  return graph.view(of, [headWidth, (of.shape[0] ?? 0) / headWidth, load.tokens]);
}

function flat({ graph, load }: GraphRun, of: Tensor): Tensor {
  return graph.view(of, [of.bytes / 4 / load.tokens, load.tokens]);
}

function rotated({ graph }: GraphRun, of: Tensor, rotation: Tensor | null): Tensor {
  if (rotation === null) return of;
  return graph.view(graph.result(of.shape, rotation, graph.view(of, of.shape)), of.shape);
}

/** Without flash attention the values of all layers are as wide as the widest. */
function kept(run: GraphRun, value: Tensor): Tensor {
  const { graph, load, valuesMost } = run;
  const own = flat(run, value);
  const isPadded = !load.hasFlashAttention && (own.shape[0] ?? 0) < valuesMost;
  return isPadded ? graph.view(graph.result([valuesMost, load.tokens], own), [valuesMost, load.tokens]) : own;
}

type Mixing = { readonly layer: LayerCache; readonly cache: CacheInputs };

/** The values weighted by how well their keys fit; the weights stand in memory only without flash attention. */
function mix({ graph, shape, load }: GraphRun, query: Tensor, { layer, cache }: Mixing): Tensor {
  const { tokens } = load;
  const seen = graph.view(query, query.shape);
  const mixed = [shape.heads * shape.valueWidth, tokens];
  if (load.hasFlashAttention) return graph.view(graph.result(mixed, seen, cache.mask), mixed);
  const fit = graph.result([layer.window === null ? load.cells : load.slidingCells, tokens, shape.heads], seen);
  const weights = graph.replacement(fit.shape, fit, cache.mask);
  const values = graph.result([shape.valueWidth, tokens, shape.heads], weights);
  return graph.result(mixed, graph.view(values, mixed));
}

/** `build_rs`: the states of all slots, copied out of their cache. */
function statesOf({ graph, load, inputs }: GraphRun, values: number): Tensor {
  const states = graph.result([values, load.slots], inputs.stateIds);
  graph.expand(states);
  return states;
}

/** Inputs of a convolution behind the last ones of the slot, which are kept again. */
function convolved({ graph, shape, load }: GraphRun, before: Tensor, inputs: Tensor): Tensor {
  const [tokens = 0, width = 0] = inputs.shape;
  const joined = graph.result(
    [tokens + shape.states.kernel - 1, width, load.slots],
    graph.view(before, before.shape),
    inputs,
  );
  graph.expand(graph.written(graph.view(joined, before.shape)));
  return graph.result([width, tokens, load.slots], joined);
}

/** `build_mamba_layer`. */
export function mamba(run: GraphRun, operand: Tensor): Tensor {
  const { graph, shape, load } = run;
  const { inner, size, rank, kernel } = shape.states;
  const [seqTokens, slots] = [load.tokens / load.slots, load.slots];
  const convolution = statesOf(run, (kernel - 1) * inner);
  const both = product(run, graph.view(operand, [shape.width, seqTokens, slots]), 2 * inner);
  const half = (): Tensor => graph.view(both, [inner, seqTokens, slots]);
  const gate = half();
  const filtered = convolved(run, convolution, graph.view(half(), [seqTokens, inner, slots]));
  const biased = graph.replacement(filtered.shape, filtered);
  const active = graph.replacement(filtered.shape, biased);
  const mixed = product(run, active, rank + 2 * size);
  const part = (width: number): Tensor => graph.view(mixed, [width, seqTokens, slots]);
  const projected = product(run, part(rank), inner);
  const step = graph.replacement(projected.shape, projected);
  const [read, write] = [part(size), part(size)];
  const scanned = graph.result(
    [inner * (load.tokens + size * slots)],
    graph.view(active, [1, inner, seqTokens, slots]),
    step,
    read,
    write,
    run.inputs.stateIds,
  );
  graph.expand(scanned);
  graph.expand(graph.written(graph.view(scanned, [size * inner * slots])));
  const skipped = graph.replacement(active.shape, active);
  const added = graph.replacement(active.shape, graph.view(scanned, active.shape), skipped);
  const gated = graph.result(active.shape, graph.result(gate.shape, gate), added);
  return graph.view(product(run, gated, shape.width), [shape.width, load.tokens]);
}

/** LFM2's `build_shortconv_block`. */
export function shortConvolution(run: GraphRun, operand: Tensor): Tensor {
  const { graph, shape, load } = run;
  const { width } = shape;
  const [seqTokens, slots] = [load.tokens / load.slots, load.slots];
  const all = product(run, graph.view(operand, [width, seqTokens, slots]), 3 * width);
  const third = (): Tensor => graph.view(all, [width, seqTokens, slots]);
  const [gate, after, input] = [third(), third(), third()];
  const gated = graph.replacement(gate.shape, gate, input);
  const turned = graph.view(gated, [seqTokens, width, slots]);
  const before = statesOf(run, (shape.states.kernel - 1) * width);
  const filtered = convolved(run, before, turned);
  const out = graph.replacement(after.shape, after, filtered);
  return graph.view(product(run, out, width), [width, load.tokens]);
}
