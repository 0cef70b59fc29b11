// The intermediate results of Llama's graph and of all that are built like it, in the order in which they come and go.
import { type Block, GraphAllocator } from "./graph-allocator.ts";

/** Widths in values per token. */
export type PlainGraph = {
  /** Of the residual stream. */
  readonly width: number;
  readonly feedForward: number;
  readonly vocabulary: number;
  readonly heads: number;
  readonly keyWidth: number;
  readonly valueWidth: number;
  /** Keys and values of each layer. */
  readonly layers: readonly { readonly keys: number; readonly values: number }[];
};

/** One evaluation at its largest. */
export type GraphLoad = {
  readonly tokens: number;
  /** Tokens that one slot keeps. */
  readonly cells: number;
  readonly hasFlashAttention: boolean;
  readonly hasQuantisedKv: boolean;
};

const valueBytes = 4;

/**
 * Bytes of the compute buffer: llama.cpp's src/models/llama.cpp with src/llama-graph.cpp, allocated as ggml-alloc.c does
 * it. Results of additions, multiplications by a vector, soft-max and norms take the place of their operand; a rotated
 * query or key does not, because its operand is a view. Equal to the engine's figure to the byte for 16-bit KV.
 */
export function plainGraphBytes(graph: PlainGraph, load: GraphLoad): number {
  const run = new GraphRun(load);
  const { width } = graph;
  const inputs = openInputs(run, graph, load);
  let stream = run.take(width);
  run.drop(inputs.tokens);
  graph.layers.forEach((layer, index) => {
    const isLast = index === graph.layers.length - 1;
    const attended = attend(run, { graph, layer, load, inputs: isLast ? inputs : null });
    stream = isLast
      ? selectOutputs(run, { graph, attended, stream, ids: inputs.outputIds })
      : stayOn(run, attended, stream);
    stream = feedForward(run, graph, stream);
  });
  run.take(graph.vocabulary);
  return run.peakBytes;
}

/** Sizes are in values per token. */
class GraphRun {
  readonly #allocator = new GraphAllocator();
  readonly #tokenBytes: number;

  constructor({ tokens }: GraphLoad) {
    this.#tokenBytes = tokens * valueBytes;
  }

  get peakBytes(): number {
    return this.#allocator.peakBytes;
  }

  take(valuesPerToken: number): Block {
    return this.#allocator.allocate(valuesPerToken * this.#tokenBytes);
  }

  takeSquare(side: number): Block {
    return this.#allocator.allocate(side * side * valueBytes);
  }

  drop(...blocks: readonly Block[]): void {
    for (const block of blocks) this.#allocator.release(block);
  }

  /** A result in a place of its own, after which its operand is gone. */
  replace(block: Block, valuesPerToken: number): Block {
    const result = this.take(valuesPerToken);
    this.drop(block);
    return result;
  }
}

/** All but those of attention live to the end: nothing reads the embeddings that a caller could give instead of ids. */
type Inputs = {
  readonly tokens: Block;
  readonly positions: Block;
  readonly keyIndices: Block;
  readonly valueIndices: Block;
  readonly mask: Block;
  readonly outputIds: Block;
};

function openInputs(run: GraphRun, graph: PlainGraph, load: GraphLoad): Inputs {
  const tokens = run.take(1);
  run.take(graph.width);
  const positions = run.take(1);
  // Quantised keys and values are rotated by a matrix of at least 64 x 64.
  if (load.hasQuantisedKv) for (const width of [graph.keyWidth, 64]) run.takeSquare(rotationSide(width));
  const values = graph.layers.reduce((most, layer) => Math.max(most, layer.values), 0);
  // Indices have 64 bits; without flash attention every value has one.
  const keyIndices = run.take(2);
  const valueIndices = run.take(load.hasFlashAttention ? 2 : 2 * values);
  const mask = run.take(load.hasFlashAttention ? load.cells / 2 : load.cells);
  return { tokens, positions, keyIndices, valueIndices, mask, outputIds: run.take(1) };
}

/** llama-kv-cache.cpp, `build_input_k_rot`: the largest power of two, from 64 on, that divides the width. */
function rotationSide(width: number): number {
  let side = 64;
  while (width % (2 * side) === 0) side *= 2;
  return side;
}

type Attention = {
  readonly graph: PlainGraph;
  readonly layer: { readonly keys: number; readonly values: number };
  readonly load: GraphLoad;
  /** Given to the last layer, which is the last to read them. */
  readonly inputs: Inputs | null;
};

function attend(run: GraphRun, { graph, layer, load, inputs }: Attention): Block {
  const queries = graph.heads * graph.keyWidth;
  const normalised = run.take(graph.width);
  let query = run.replace(run.take(queries), queries);
  if (load.hasQuantisedKv) query = run.replace(query, queries);
  let value = run.take(layer.values);
  if (load.hasQuantisedKv) value = run.replace(value, layer.values);
  let key = run.take(layer.keys);
  run.drop(normalised);
  key = run.replace(key, layer.keys);
  if (inputs !== null) run.drop(inputs.positions);
  if (load.hasQuantisedKv) key = run.replace(key, layer.keys);
  run.drop(key, ...(inputs === null ? [] : [inputs.keyIndices]));
  run.drop(value, ...(inputs === null ? [] : [inputs.valueIndices]));
  const mixed = mix(run, { graph, load, query, mask: inputs?.mask ?? null });
  return run.replace(mixed, graph.width);
}

type Mixing = {
  readonly graph: PlainGraph;
  readonly load: GraphLoad;
  readonly query: Block;
  readonly mask: Block | null;
};

/** The values weighted by how well their keys fit; the weights stand in memory only without flash attention. */
function mix(run: GraphRun, { graph, load, query, mask }: Mixing): Block {
  const width = graph.heads * graph.valueWidth;
  const read = mask === null ? [query] : [query, mask];
  if (load.hasFlashAttention) {
    const mixed = run.take(width);
    run.drop(...read);
    return load.hasQuantisedKv ? run.replace(mixed, width) : mixed;
  }
  const weights = run.take(load.cells * graph.heads);
  run.drop(...read);
  return run.replace(run.replace(weights, width), width);
}

/** The stream is added to what a layer made of it. */
function stayOn(run: GraphRun, attended: Block, stream: Block): Block {
  run.drop(stream);
  return attended;
}

type Selection = {
  readonly graph: PlainGraph;
  readonly attended: Block;
  readonly stream: Block;
  readonly ids: Block;
};

/** The last layer goes on with those tokens only whose logits are wanted: at worst all. */
function selectOutputs(run: GraphRun, { graph, attended, stream, ids }: Selection): Block {
  const selected = run.replace(attended, graph.width);
  const selectedStream = run.replace(stream, graph.width);
  run.drop(ids, selectedStream);
  return selected;
}

function feedForward(run: GraphRun, graph: PlainGraph, stream: Block): Block {
  const normalised = run.take(graph.width);
  const gate = run.take(graph.feedForward);
  const up = run.take(graph.feedForward);
  run.drop(normalised);
  const product = run.take(graph.feedForward);
  run.drop(gate, up);
  const result = run.replace(product, graph.width);
  run.drop(stream);
  return result;
}
