// In which batches the tokens of a slot were evaluated. Logits move with the shape of a batch, so a request that goes on
// elsewhere evaluates its prompt in the same chunks.

/**
 * Up to this length all chunks are equal: on a CPU, flash attention takes another kernel from 64 query tokens on.
 * Measured: 40 of 40 random-weight runs went on exactly with chunks of 1 to 63 regrouped at will.
 */
export const smallChunkMax = 63;

/** Lengths of the chunks that a sequence was evaluated in, from its beginning; neighbouring small ones are merged. */
export class ChunkRecord {
  readonly #lengths: number[];

  constructor(lengths: readonly number[] = []) {
    this.#lengths = [];
    for (const length of lengths) this.add(length);
  }

  get lengths(): readonly number[] {
    return this.#lengths;
  }

  /** Notes the next chunk. */
  add(length: number): void {
    const last = this.#lengths.at(-1) ?? smallChunkMax;
    if (length > smallChunkMax || last >= smallChunkMax) {
      this.#lengths.push(length);
      return;
    }
    const room = Math.min(length, smallChunkMax - last);
    this.#lengths[this.#lengths.length - 1] = last + room;
    if (length > room) this.#lengths.push(length - room);
  }

  /**
   * Of how many of the first `length` tokens the record still tells the truth when the rest is dropped: the beginning of
   * a large chunk would count as a small one, and is given up.
   */
  keepable(length: number): number {
    let start = 0;
    for (const chunk of this.#lengths) {
      if (start + chunk > length) {
        const rest = length - start;
        return chunk > smallChunkMax && rest <= smallChunkMax ? start : length;
      }
      start += chunk;
    }
    return start;
  }

  /** Drops all but the first tokens; `length` is one that `keepable` gave. */
  truncate(length: number): void {
    let start = 0;
    for (const [index, chunk] of this.#lengths.entries()) {
      if (start + chunk > length) {
        this.#lengths.length = index;
        if (length > start) this.#lengths.push(length - start);
        return;
      }
      start += chunk;
    }
  }

  /** How many of the first tokens were evaluated as `plan` says. */
  agreement(plan: readonly number[]): number {
    const mine = chunksOf(this.#lengths);
    const wanted = chunksOf(plan);
    let agreed = 0;
    for (let i = 0, j = 0; ; ) {
      const [own, other] = [mine[i], wanted[j]];
      if (own === undefined || other === undefined || own.isSmall !== other.isSmall) return agreed;
      if (!own.isSmall && (own.start !== other.start || own.end !== other.end)) return agreed;
      agreed = Math.min(own.end, other.end);
      if (own.end === agreed) i += 1;
      if (other.end === agreed) j += 1;
    }
  }
}

/** How many tokens `plan` evaluates together after the first `position`; null when it does not reach so far. */
export function plannedLength(plan: readonly number[], position: number): number | null {
  const chunk = chunksOf(plan).find(({ end }) => end > position);
  return chunk === undefined ? null : chunk.end - position;
}

type Chunk = { readonly start: number; readonly end: number; readonly isSmall: boolean };

function chunksOf(lengths: readonly number[]): Chunk[] {
  let end = 0;
  return lengths.map((length) => {
    const start = end;
    end += length;
    return { start, end, isSmall: length <= smallChunkMax };
  });
}
