// A graph of intermediate results, and how much room ggml's allocator asks for to compute it.
import { type Block, GraphAllocator } from "./graph-allocator.ts";

/** What one step of a graph makes. */
export type Tensor = {
  /** Innermost first. */
  readonly shape: readonly number[];
  readonly bytes: number;
  /** What it is made of, in ggml's order; weights and caches have places of their own and are left out. */
  readonly sources: readonly Tensor[];
  /** Whose memory it shows; null for one that has its own. */
  readonly viewOf: Tensor | null;
  readonly kind: "input" | "result" | "replacement" | "view" | "written";
  /** What is known of it while memory is handed out. */
  readonly use: Use;
};

type Use = { children: number; views: number; block: Block | null };

const valueBytes = 4;

/**
 * Tensors are made first, then put in order by `expand`, as ggml.c (`ggml_build_forward_expand`) does: depth first, the
 * sources in their order. Values have 32 bits unless said otherwise.
 */
export class ComputeGraph {
  readonly #inputs: Tensor[] = [];
  readonly #steps: Tensor[] = [];
  readonly #visited = new Set<Tensor>();
  readonly #outputs = new Set<Tensor>();

  /** Given from outside. It gets its place before all else, and keeps it until it was read for the last time. */
  input(shape: readonly number[], bytesPerValue = valueBytes): Tensor {
    return tensor("input", shape, { bytesPerValue });
  }

  /** In a place of its own. */
  result(shape: readonly number[], ...sources: readonly Tensor[]): Tensor {
    return tensor("result", shape, { sources });
  }

  /** In the place of the first source of the same shape that nothing else reads, else in one of its own. */
  replacement(shape: readonly number[], ...sources: readonly Tensor[]): Tensor {
    return tensor("replacement", shape, { sources });
  }

  /** The same memory in another shape. */
  view(of: Tensor, shape: readonly number[]): Tensor {
    return tensor("view", shape, { sources: [of], viewOf: of.viewOf ?? of });
  }

  /** Goes into a cache. */
  written(...sources: readonly Tensor[]): Tensor {
    return tensor("written", [0], { sources });
  }

  /** Keeps its place to the end. */
  keep(output: Tensor): void {
    this.#outputs.add(output);
  }

  /** Puts a tensor, and what it is made of, after all that is in order already. */
  expand(wanted: Tensor): void {
    if (this.#visited.has(wanted)) return;
    this.#visited.add(wanted);
    for (const source of wanted.sources) this.expand(source);
    (wanted.kind === "input" ? this.#inputs : this.#steps).push(wanted);
  }

  /** ggml-alloc.c, `ggml_gallocr_alloc_graph_impl`. */
  peakBytes(): number {
    const allocator = new GraphAllocator();
    this.#countUses();
    for (const { use, bytes } of this.#inputs) use.block = allocator.allocate(bytes);
    for (const step of this.#steps) {
      if (hasPlace(step)) step.use.block = this.#replaced(step) ?? allocator.allocate(step.bytes);
      for (const source of step.sources) {
        const gone = releasedWith(source);
        if (gone !== null && !this.#outputs.has(gone)) release(allocator, gone.use);
      }
    }
    return allocator.peakBytes;
  }

  #countUses(): void {
    for (const { use } of [...this.#inputs, ...this.#steps]) Object.assign(use, unused());
    for (const { viewOf, sources } of this.#steps) {
      if (viewOf !== null) viewOf.use.views += 1;
      for (const { use } of sources) use.children += 1;
    }
  }

  /** ggml-alloc.c, `ggml_gallocr_allocate_node`: a view has no place to be replaced in. */
  #replaced(step: Tensor): Block | null {
    if (step.kind !== "replacement") return null;
    for (const source of step.sources) {
      const { use } = source;
      if (use.block === null || this.#outputs.has(source) || !isSameShape(step, source)) continue;
      if (use.children !== 1 || use.views !== 0) continue;
      const { block } = use;
      use.block = null;
      return block;
    }
    return null;
  }
}

type Origin = {
  readonly sources?: readonly Tensor[];
  readonly viewOf?: Tensor;
  readonly bytesPerValue?: number;
};

function tensor(kind: Tensor["kind"], shape: readonly number[], origin: Origin): Tensor {
  const { sources = [], viewOf = null, bytesPerValue = valueBytes } = origin;
  const values = shape.reduce((product, length) => product * length, 1);
  return { shape, bytes: values * bytesPerValue, sources, viewOf, kind, use: unused() };
}

function unused(): Use {
  return { children: 0, views: 0, block: null };
}

function hasPlace({ kind }: Tensor): boolean {
  return kind === "result" || kind === "replacement";
}

function isSameShape(one: Tensor, other: Tensor): boolean {
  return one.shape.length === other.shape.length && one.shape.every((length, index) => length === other.shape[index]);
}

/** One reader less; whose memory nobody reads any more, or null. */
function releasedWith(source: Tensor): Tensor | null {
  const { use } = source;
  use.children -= 1;
  if (use.children > 0 || use.views > 0) return null;
  if (source.viewOf === null) return source;
  const shown = source.viewOf.use;
  shown.views -= 1;
  return shown.views === 0 && shown.children === 0 ? source.viewOf : null;
}

function release(allocator: GraphAllocator, use: Use): void {
  if (use.block !== null) allocator.release(use.block);
  use.block = null;
}
