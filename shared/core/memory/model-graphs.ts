// The graphs of whole models, as llama.cpp's src/models builds them.
import { ComputeGraph, type Tensor } from "./compute-graph.ts";
import { type GraphLoad, type GraphRun, type GraphShape, openRun } from "./graph-inputs.ts";
import {
  attention,
  expertFeedForward,
  feedForward,
  mamba,
  norm,
  product,
  shortConvolution,
  sum,
  wantedRows,
} from "./graph-layers.ts";

/** How an architecture differs from Llama. */
type Recipe = {
  readonly hasHeadNorms?: true;
  /** What a part gives is normalised before it is added to the stream. */
  readonly hasOutputNorms?: true;
  /** The stream comes first in a sum: of two that may be overwritten, the first one is. */
  readonly addsToStream?: true;
  readonly recurrent?: "mamba" | "shortConvolution";
  readonly takesExperts?: true;
  /** Shares of the experts are levelled among the chosen ones alone. */
  readonly weighsChosenOnly?: true;
  /** What the last layer gives is kept for all tokens. */
  readonly keepsStream?: true;
};

/**
 * Architectures whose compute buffer is known to the byte: each was compared with llama.cpp v0.4.0. Any other one may be
 * added after such a comparison.
 */
const recipes: ReadonlyMap<string, Recipe> = new Map<string, Recipe>([
  ["exaone", {}],
  ["gemma", {}],
  ["gemma2", { hasOutputNorms: true }],
  ["gemma3", { hasHeadNorms: true, hasOutputNorms: true }],
  ["gpt-oss", { takesExperts: true, weighsChosenOnly: true, keepsStream: true }],
  ["granite", {}],
  ["internlm2", {}],
  ["lfm2", { hasHeadNorms: true, addsToStream: true, recurrent: "shortConvolution" }],
  ["llama", { takesExperts: true }],
  ["mamba", { recurrent: "mamba" }],
  ["mistral3", {}],
  ["qwen2", {}],
  ["qwen3", { hasHeadNorms: true }],
  ["qwen3moe", { hasHeadNorms: true, takesExperts: true }],
  ["seed_oss", {}],
  ["smollm3", {}],
]);

export function isKnownGraph(architecture: string, { experts, vocabulary }: GraphShape): boolean {
  const recipe = recipes.get(architecture);
  return recipe !== undefined && vocabulary > 0 && (experts.count === 0 || recipe.takesExperts === true);
}

/** Bytes of the compute buffer. Equal to the engine's figure to the byte. */
export function graphBytes(architecture: string, shape: GraphShape, load: GraphLoad): number {
  const graph = new ComputeGraph();
  const run = openRun(graph, shape, load);
  const recipe = recipes.get(architecture) ?? {};
  let stream = graph.result([shape.width, load.tokens], graph.input([load.tokens]));
  graph.expand(stream);
  // The embeddings that a caller could give instead of ids: nothing reads them.
  graph.expand(graph.input([shape.width, load.tokens]));
  shape.layers.forEach((_, index) => {
    stream = layer(run, stream, { recipe, index });
  });
  if (recipe.keepsStream === true) {
    graph.keep(stream);
    stream = wantedRows(run, stream);
  }
  const output = norm(run, stream);
  graph.keep(output);
  const logits = product(run, output, shape.vocabulary);
  graph.keep(logits);
  graph.expand(logits);
  return graph.peakBytes();
}

type Place = { readonly recipe: Recipe; readonly index: number };

function layer(run: GraphRun, stream: Tensor, { recipe, index }: Place): Tensor {
  const { shape } = run;
  const cache = shape.layers[index];
  if (cache === undefined) return stream;
  const isLast = index === shape.layers.length - 1 && recipe.keepsStream !== true;
  const isRecurrent = cache.keys === 0 && recipe.recurrent !== undefined;
  const operand = norm(run, stream);
  const raw = isRecurrent
    ? recurrent(run, operand, recipe)
    : attention(run, operand, { layer: cache, hasHeadNorms: recipe.hasHeadNorms === true });
  // The last layer goes on with what is wanted of it.
  const made = isLast ? wantedRows(run, raw) : raw;
  const before = isLast ? wantedRows(run, stream) : stream;
  const attended = added(run, before, { recipe, made });
  if (recipe.recurrent === "mamba") return attended;
  const input = norm(run, attended);
  const hasExperts = shape.experts.count > 0 && index >= shape.experts.denseLayers;
  return added(run, attended, {
    recipe,
    made: hasExperts ? expertFeedForward(run, input, recipe.weighsChosenOnly === true) : feedForward(run, input),
  });
}

function recurrent(run: GraphRun, operand: Tensor, recipe: Recipe): Tensor {
  return recipe.recurrent === "mamba" ? mamba(run, operand) : shortConvolution(run, operand);
}

type Addition = { readonly recipe: Recipe; readonly made: Tensor };

function added(run: GraphRun, stream: Tensor, { recipe, made }: Addition): Tensor {
  const part = recipe.hasOutputNorms === true ? norm(run, made) : made;
  return recipe.addsToStream === true ? sum(run, stream, part) : sum(run, part, stream);
}
