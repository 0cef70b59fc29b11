// How long answers of a model are: the scheduler never knows, so it expects what the last ones were.

/** Answers that are remembered of each model. */
const remembered = 300;

/** What is expected before any answer came: short ones and long ones. */
const unknownLengths: readonly number[] = [32, 64, 128, 256, 512, 1024];

/** Lengths of the last answers of one model. */
export class OutputLengths {
  readonly #recent: number[] = [...unknownLengths];
  #oldest = 0;
  #sorted: readonly number[] = unknownLengths;
  /** `#sums[i]` is the sum of the first `i` of the sorted lengths. */
  #sums: readonly number[] = sumsOf(unknownLengths);

  /** An answer came to its own end, or to its limit. */
  note(length: number): void {
    if (this.#recent.length < remembered) this.#recent.push(length);
    else {
      this.#recent[this.#oldest] = length;
      this.#oldest = (this.#oldest + 1) % remembered;
    }
    this.#sorted = [...this.#recent].sort((a, b) => a - b);
    this.#sums = sumsOf(this.#sorted);
  }

  /**
   * Tokens that an answer still needs: the mean of min(L, maxTokens) - generated over the remembered answers L that were
   * longer than what was generated. One that is longer than all of them is expected to grow by half.
   */
  left(generated: number, maxTokens: number): number {
    const room = Math.max(0, maxTokens - generated);
    const first = firstAbove(this.#sorted, generated);
    const longer = this.#sorted.length - first;
    if (longer === 0) return Math.min(room, Math.max(16, generated / 2));
    const capped = Math.max(first, firstAbove(this.#sorted, maxTokens));
    const below = (this.#sums[capped] ?? 0) - (this.#sums[first] ?? 0);
    const sum = below + (this.#sorted.length - capped) * maxTokens;
    return Math.min(room, Math.max(0, sum / longer - generated));
  }
}

function sumsOf(lengths: readonly number[]): number[] {
  const sums = [0];
  let sum = 0;
  for (const length of lengths) {
    sum += length;
    sums.push(sum);
  }
  return sums;
}

/** Index of the first length above a value. */
function firstAbove(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
