// How many running streams are decoded together. More in one batch is not always faster: measured on a CPU with a Q8_0
// model of 135 M parameters, one stream gets 174 tokens a second, two in one batch 74 together, eight 177, because
// kernels for few rows are missing. On a GPU the widest batch wins. So the widths are learned.

/** Weight of the newest measurement. */
const learningRate = 0.25;
/** The widest batch is tried again for some steps of so many: what was measured may have changed. */
const retryEvery = 256;
/** Measurements that a width is judged by. */
const triesMin = 4;
/** A partition has to be so much faster than the whole: fewer batches are kinder to what else runs. */
const gainMin = 0.05;

export class BatchWidths {
  /** Milliseconds of a batch by its width, and how often it was measured. */
  readonly #costs = new Map<number, { readonly ms: number; readonly tries: number }>();
  #steps = 0;

  /** Notes how long a batch of one token for each of `width` streams took. */
  observe(width: number, durationMs: number): void {
    const { ms, tries } = this.#costs.get(width) ?? { ms: durationMs, tries: 0 };
    this.#costs.set(width, { ms: ms + learningRate * (durationMs - ms), tries: tries + 1 });
  }

  /** The widths of the batches that `count` streams are decoded in, widest first. A width that was never tried is tried. */
  plan(count: number): number[] {
    if (count <= 1) return count === 1 ? [1] : [];
    this.#steps += 1;
    if (!this.#isTried(count) || this.#steps % retryEvery < triesMin) return [count];
    const untried = this.#untriedHalf(count);
    if (untried !== null) return split(count, untried);
    const best = this.#bestPartition(count);
    const whole = this.#costs.get(count)?.ms ?? 0;
    return best.costMs < whole * (1 - gainMin) ? best.widths : [count];
  }

  #isTried(width: number): boolean {
    return (this.#costs.get(width)?.tries ?? 0) >= triesMin;
  }

  /** Halves of the whole, halves of these, down to single streams: enough to see where kernels change. */
  #untriedHalf(count: number): number | null {
    for (let width = Math.floor(count / 2); width >= 1; width = Math.floor(width / 2))
      if (!this.#isTried(width)) return width;
    return null;
  }

  #bestPartition(count: number): { readonly widths: number[]; readonly costMs: number } {
    const best: { readonly widths: number[]; readonly costMs: number }[] = [{ widths: [], costMs: 0 }];
    for (let total = 1; total <= count; total += 1) {
      let found: { readonly widths: number[]; readonly costMs: number } = {
        widths: [],
        costMs: Number.POSITIVE_INFINITY,
      };
      for (const [width, { ms }] of this.#costs) {
        const rest = best[total - width];
        if (rest === undefined || rest.costMs + ms >= found.costMs) continue;
        found = { widths: [...rest.widths, width], costMs: rest.costMs + ms };
      }
      best.push(found);
    }
    const { widths, costMs } = best[count] ?? { widths: [count], costMs: Number.POSITIVE_INFINITY };
    return { widths: widths.sort((a, b) => b - a), costMs };
  }
}

function split(count: number, width: number): number[] {
  const whole = new Array<number>(Math.floor(count / width)).fill(width);
  const rest = count % width;
  return rest === 0 ? whole : [...whole, rest];
}
