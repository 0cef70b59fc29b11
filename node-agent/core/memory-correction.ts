// What is learned from replicas that were larger, or smaller, than estimated.

/** One load, as far as it has grown. */
export type ShownMemory = {
  readonly replicaId: string;
  /** Of the formula, without a correction. */
  readonly estimatedBytes: number;
  readonly residentBytes: number;
};

/** Loads that are remembered; the oldest leave first. */
const loadsMax = 8;
/** A worker's own part differs by some megabytes between systems and versions: that is no error in proportion. */
const allowedBytes = 32e6;
/** More is no error of a formula, but something that went wrong. */
const correctionMax = 2;
/** So many steps to 1: it travels, and is compared. */
const precision = 1000;

/** Returns the same list when the load has shown nothing new. */
export function withShown(loads: readonly ShownMemory[], shown: ShownMemory): readonly ShownMemory[] {
  const known = loads.find(({ replicaId }) => replicaId === shown.replicaId);
  if (known !== undefined && known.residentBytes >= shown.residentBytes) return loads;
  if (known !== undefined) return loads.map((load) => (load === known ? shown : load));
  return [...loads, shown].slice(-loadsMax);
}

/**
 * What later estimates are multiplied by: the median of the errors, 1 at least. One load that was too large counts until
 * others show that it was an exception. Nothing is corrected downwards: a replica that has not been used to the full is
 * smaller than it may become, and what it may become has to fit.
 */
export function correctionOf(loads: readonly ShownMemory[]): number {
  const errors = loads
    .filter(({ estimatedBytes }) => estimatedBytes > 0)
    .map(({ estimatedBytes, residentBytes }) => (residentBytes - allowedBytes) / estimatedBytes)
    .sort((a, b) => a - b);
  // Of two in the middle the larger one: too much is reserved rather than too little.
  const median = errors[Math.floor(errors.length / 2)] ?? 1;
  return Math.ceil(Math.min(correctionMax, Math.max(1, median)) * precision) / precision;
}
