/** How many elements two sequences have in common from their beginning. */
export function commonPrefix(one: readonly number[], other: readonly number[]): number {
  const length = Math.min(one.length, other.length);
  let common = 0;
  while (common < length && one[common] === other[common]) common += 1;
  return common;
}
