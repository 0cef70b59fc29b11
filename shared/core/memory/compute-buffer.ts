// The buffer for the intermediate results of one evaluation, which the engine reserves for the largest batch.
import type { ExpertShape, GraphLoad, GraphShape, StateShape } from "./graph-inputs.ts";
import type { HeaderFigures } from "./header-figures.ts";
import { isMlaModel, type LayerCache, makesVectorsOnly } from "./layer-caches.ts";
import { graphBytes, isKnownGraph } from "./model-graphs.ts";
import { stateValues } from "./recurrent-state.ts";

/** What of a model decides its compute buffer, in values per token. */
export type ComputeShape = {
  readonly architecture: string;
  /** Where the graph is known, all there is to know. */
  readonly graph: GraphShape;
  /** What a feed-forward part holds at its widest, experts included. */
  readonly feedForward: number;
  /** Of all values of a layer at its widest. */
  readonly values: number;
  /** What a recurrent layer holds at its widest; 0 without one. */
  readonly recurrent: number;
  /** The state of one sequence in a recurrent layer. */
  readonly state: number;
  /** Values per token of context that are turned over for attention without flash attention. */
  readonly turned: number;
};

export function computeShapeOf(
  figures: HeaderFigures,
  { layers, vocabularySize }: { readonly layers: readonly LayerCache[]; readonly vocabularySize: number },
): ComputeShape {
  const heads = figures.largest("attention.head_count");
  const headWidth = heads > 0 ? Math.floor(figures.width / heads) : 0;
  const widest = (part: "key" | "value"): number =>
    Math.max(
      figures.number(`attention.${part}_length`) ?? headWidth,
      figures.number(`attention.${part}_length_mla`) ?? 0,
      figures.number(`attention.${part}_length_swa`) ?? 0,
    );
  const dense = figures.largest("feed_forward_length");
  return {
    architecture: figures.architecture,
    graph: {
      width: figures.width,
      feedForward: dense,
      vocabulary: makesVectorsOnly(figures.architecture) ? 0 : vocabularySize,
      heads,
      keyWidth: widest("key"),
      valueWidth: widest("value"),
      layers,
      experts: expertShapeOf(figures, dense),
      states: stateShapeOf(figures),
    },
    feedForward: feedForwardValues(figures, dense),
    values: layers.reduce((most, layer) => Math.max(most, layer.values), 0),
    recurrent: recurrentValues(figures),
    state: stateValues(figures),
    turned: isMlaModel(figures) ? widest("value") : 0,
  };
}

function expertShapeOf(figures: HeaderFigures, dense: number): ExpertShape {
  return {
    count: figures.number("expert_count") ?? 0,
    used: figures.largest("expert_used_count"),
    feedForward: figures.largest("expert_feed_forward_length") || dense,
    denseLayers: figures.number("leading_dense_block_count") ?? 0,
  };
}

function stateShapeOf(figures: HeaderFigures): StateShape {
  return {
    inner: figures.number("ssm.inner_size") ?? 0,
    size: figures.number("ssm.state_size") ?? 0,
    rank: figures.number("ssm.time_step_rank") ?? 0,
    kernel: figures.number("ssm.conv_kernel") ?? figures.number("shortconv.l_cache") ?? 0,
  };
}

/** Gate, up and their product side by side; with experts, of all that a token uses, or what all of them give. */
function feedForwardValues(figures: HeaderFigures, dense: number): number {
  const expert = figures.largest("expert_feed_forward_length") || dense;
  const used = figures.largest("expert_used_count");
  const sharedCount = figures.number("expert_shared_count") ?? 0;
  const shared = figures.number("expert_shared_feed_forward_length") ?? expert * sharedCount;
  const given = used * (expert + 2 * figures.width);
  const routed = used > 0 ? 3 * (figures.number("expert_count") ?? 0) : 0;
  return Math.max(3 * dense, 3 * used * expert, given, 3 * shared) + routed;
}

function recurrentValues(figures: HeaderFigures): number {
  if (stateValues(figures) === 0) return 0;
  const figure = (key: string): number => figures.number(key) ?? 0;
  const inner = figure("ssm.inner_size") + 2 * figure("ssm.group_count") * figure("ssm.state_size");
  return 6 * Math.max(inner, 2 * figures.width);
}

const valueBytes = 4;
/** Positions, ids and indices of a token, and rounding. */
const inputValues = 24;

export function computeBytes(shape: ComputeShape, load: GraphLoad): number {
  const { architecture, graph } = shape;
  return isKnownGraph(architecture, graph) ? graphBytes(architecture, graph, load) : boundedBytes(shape, load);
}

/**
 * An upper bound: the widest step of a layer or the last one, with what still waits for a reader beside it. Compared
 * with the engine for gemma 2 and 3, gpt-oss, Cohere 2, Mixtral, Qwen 2, 3 and 3.5 (mixtures of experts), DeepSeek 2,
 * Mamba 1 and 2, Granite hybrid, LFM2 and BERT. The mask has 16 bits a value with flash attention, else 32.
 */
function boundedBytes(shape: ComputeShape, load: GraphLoad): number {
  const { width, heads, keyWidth, valueWidth, vocabulary } = shape.graph;
  const queries = heads * Math.max(keyWidth, valueWidth);
  const masks = (load.cells + load.slidingCells) / (load.hasFlashAttention ? 2 : 1);
  const weights = load.hasFlashAttention ? 0 : heads * Math.max(load.cells, load.slidingCells);
  const indices = load.hasFlashAttention ? 4 : 4 * shape.values;
  const steps = [
    vocabulary > 0 ? vocabulary + 6 * width : 0,
    shape.feedForward + 6 * width + Math.max(0, queries - width),
    weights + indices + 4 * width + 2 * queries + 2 * shape.values,
    shape.recurrent === 0 ? 0 : shape.recurrent + 4 * width,
  ];
  const perToken = Math.max(...steps) + masks + inputValues;
  const turned = load.hasFlashAttention ? 0 : 2 * load.cells * load.slots * shape.turned;
  return Math.ceil((perToken * load.tokens + 2 * shape.state * load.slots) * valueBytes + turned);
}
