/** An inclusive range of Unicode code points, `low <= high`. */
export type CodePointRange = readonly [low: number, high: number];

/** The highest code point. */
export const codePointMax = 0x10ffff;

/** Every code point that a well-formed text can hold: all but the surrogates. Source: RFC 3629, section 3. */
export const scalarValues: readonly CodePointRange[] = [
  [0, 0xd7ff],
  [0xe000, codePointMax],
];

/** The same code points as sorted ranges that neither overlap nor touch. */
export function joinRanges(ranges: readonly CodePointRange[]): CodePointRange[] {
  const joined: [number, number][] = [];
  for (const [low, high] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = joined.at(-1);
    if (last !== undefined && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else joined.push([low, high]);
  }
  return joined;
}

/** What of `from` is not in `taken`; both may be in any order. */
export function subtractRanges(
  from: readonly CodePointRange[],
  taken: readonly CodePointRange[],
): readonly CodePointRange[] {
  return intersectRanges(from, complement(joinRanges(taken)));
}

/** What is in both, which may be in any order. */
export function intersectRanges(
  one: readonly CodePointRange[],
  other: readonly CodePointRange[],
): readonly CodePointRange[] {
  const [left, right] = [joinRanges(one), joinRanges(other)];
  const shared: CodePointRange[] = [];
  for (let leftIndex = 0, rightIndex = 0; ; ) {
    const [leftRange, rightRange] = [left[leftIndex], right[rightIndex]];
    if (leftRange === undefined || rightRange === undefined) return shared;
    const low = Math.max(leftRange[0], rightRange[0]);
    const high = Math.min(leftRange[1], rightRange[1]);
    if (low <= high) shared.push([low, high]);
    if (leftRange[1] < rightRange[1]) leftIndex += 1;
    else rightIndex += 1;
  }
}

/** All code points that are not in the joined ranges. */
function complement(ranges: readonly CodePointRange[]): CodePointRange[] {
  const holes: CodePointRange[] = [];
  let start = 0;
  for (const [low, high] of ranges) {
    if (low > start) holes.push([start, low - 1]);
    start = high + 1;
  }
  if (start <= codePointMax) holes.push([start, codePointMax]);
  return holes;
}

/** What JavaScript takes for space (ECMAScript, WhiteSpace and LineTerminator). */
export const whiteSpace: readonly CodePointRange[] = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
