/** A source of 32-bit words that the seed alone decides. */
export type RandomWords = {
  /** The next word, 0 to 2^32-1. */
  next(): number;
  /** Fills all of `target`. */
  fill(target: Uint32Array): void;
};

/**
 * sfc32 by Chris Doty-Humphrey (PractRand): fast and good enough for weights and tests, not for secrets.
 * Only the low 32 bits of the seed count.
 */
export function randomWords(seed: number): RandomWords {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = seed | 0;
  let counter = 1;
  const next = (): number => {
    const word = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + word) | 0;
    return word >>> 0;
  };
  // The first words still show the seed's bits.
  for (let i = 0; i < 15; i++) next();
  return {
    next,
    fill: (target) => {
      for (let i = 0; i < target.length; i++) target[i] = next();
    },
  };
}
