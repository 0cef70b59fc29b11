// Medians of rounds.

/** Rounded to three decimals. */
export type Spread = { readonly median: number; readonly min: number; readonly max: number };

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number =>
    Number((sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN).toFixed(3));
  return { median: at(0.5), min: at(0), max: at(1) };
}
