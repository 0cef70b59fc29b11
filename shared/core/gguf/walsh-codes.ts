/**
 * Entry `dimension` of code `code` in a space of `dimensions`, a power of two: +1 or -1. The first `dimensions` codes are
 * the rows of the Walsh-Hadamard matrix, orthogonal to each other; the next ones are their opposites. So the product of
 * a code with itself is `dimensions`, with any other at most 0, and one of 2 x `dimensions` is found without doubt.
 */
export function walshCode(code: number, dimension: number, dimensions: number): 1 | -1 {
  let common = (code % dimensions) & dimension;
  let isOdd = code >= dimensions;
  for (; common !== 0; common &= common - 1) isOdd = !isOdd;
  return isOdd ? -1 : 1;
}

/** The smallest space, at least 64 wide, that holds so many codes. */
export function dimensionsForCodes(codes: number): number {
  let dimensions = 64;
  while (2 * dimensions < codes) dimensions *= 2;
  return dimensions;
}
