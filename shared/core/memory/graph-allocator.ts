// Where ggml puts the intermediate results of a graph, to know how much room it will ask for.

export type Block = { readonly offset: number; readonly bytes: number };

type Hole = { offset: number; bytes: number };

function endless(): Hole {
  return { offset: 0, bytes: Number.POSITIVE_INFINITY };
}

/** ggml-backend.cpp, TENSOR_ALIGNMENT. */
const alignment = 32;

/**
 * The allocator of llama.cpp's ggml-alloc.c (`ggml_dyn_tallocr`) for one buffer: best fit over the holes, the last hole
 * is endless and taken only when no other one fits. Nothing is allocated here; only offsets are handed out.
 */
export class GraphAllocator {
  /** By offset. */
  readonly #holes: Hole[] = [endless()];
  #peakBytes = 0;

  /** The most that was in use at once, holes in between included. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  allocate(wanted: number): Block {
    const bytes = Math.ceil(wanted / alignment) * alignment;
    const hole = this.#bestHole(bytes);
    const block = { offset: hole.offset, bytes };
    hole.offset += bytes;
    hole.bytes -= bytes;
    if (hole.bytes === 0) this.#holes.splice(this.#holes.indexOf(hole), 1);
    this.#peakBytes = Math.max(this.#peakBytes, block.offset + bytes);
    return block;
  }

  release({ offset, bytes }: Block): void {
    const next = this.#holes.findIndex((hole) => hole.offset > offset);
    const before = this.#holes[next - 1];
    const after = this.#holes[next];
    const joinsAfter = after !== undefined && offset + bytes === after.offset;
    if (before !== undefined && before.offset + before.bytes === offset) {
      before.bytes += bytes + (joinsAfter ? after.bytes : 0);
      if (joinsAfter) this.#holes.splice(next, 1);
    } else if (joinsAfter) {
      after.offset = offset;
      after.bytes += bytes;
    } else {
      this.#holes.splice(next, 0, { offset, bytes });
    }
  }

  #bestHole(bytes: number): Hole {
    let best = this.#holes.at(-1) ?? endless();
    for (const hole of this.#holes) {
      // Of two that are alike ggml takes the later one; the last one is endless.
      if (hole.bytes >= bytes && hole.bytes <= best.bytes && hole.bytes < Number.POSITIVE_INFINITY) best = hole;
    }
    return best;
  }
}
