/** A stream of pseudo-random numbers; the same seed gives the same stream. */
export type Random = {
  /** From 0 inclusive to 1 exclusive. */
  next(): number;
  /** From low inclusive to high exclusive. */
  between(low: number, high: number): number;
  /** An integer from low to high, both inclusive. */
  integer(low: number, high: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  /** One of the items; there must be one. */
  pick<Item>(items: readonly Item[]): Item;
  /** 32 hex digits. */
  hexId(): string;
};

/** mulberry32 (Tommy Ettinger, public domain): small, fast, and good enough to choose faults by. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
  return {
    next,
    between: (low, high) => low + next() * (high - low),
    integer,
    chance: (probability) => next() < probability,
    pick: (items) => {
      const item = items[integer(0, items.length - 1)];
      if (item === undefined) throw new Error("assertion failed: nothing to pick from");
      return item;
    },
    hexId: () =>
      Array.from({ length: 4 }, () =>
        integer(0, 2 ** 32 - 1)
          .toString(16)
          .padStart(8, "0"),
      ).join(""),
  };
}
