// Ranges of numbers as GBNF. Numbers are written as JSON writes them, without exponents.

/** The range of a JSON number; null where it has no end. The ends are safe integers. */
export type NumberRange = {
  readonly minimum: number | null;
  readonly maximum: number | null;
  /** Whether the ends themselves are left out; false for integers, whose ends are moved instead. */
  readonly isMinimumExclusive: boolean;
  readonly isMaximumExclusive: boolean;
};

const largest = Number.MAX_SAFE_INTEGER;
/** Digits behind the point, as `fraction` of `jsonRules` has them. */
const fractionDigits = 24;
/** Decimal digits of which a double keeps all (DBL_DIG): with more, a number may be rounded to a whole one beside it. */
const exactDigits = 15;

/** The integers from `minimum` to `maximum`, which must not be the wrong way round; null is the largest safe one. */
export function integerRange(minimum: number | null, maximum: number | null): string {
  const low = minimum ?? -largest;
  const high = maximum ?? largest;
  const alternatives: string[] = [];
  if (low < 0) alternatives.push(...wholeRange(Math.max(1, -high), -low).map((text) => `"-" ${text}`));
  if (high >= 0) alternatives.push(...wholeRange(Math.max(0, low), high));
  return alternatives.join(" | ");
}

/** The numbers of the range, which must not be the wrong way round; null when none can be written with few digits. */
export function numberRange(range: NumberRange): string | null {
  const { isMinimumExclusive, isMaximumExclusive } = range;
  const low = range.minimum ?? -largest;
  const high = range.maximum ?? largest;
  if (low === high && (isMinimumExclusive || isMaximumExclusive)) return null;
  const alternatives: string[] = [];
  if (low < 0) {
    const nearest = high < 0 || (high === 0 && isMaximumExclusive);
    const ends = { minimum: Math.max(0, -high), maximum: -low, isMaximumExclusive: isMinimumExclusive };
    alternatives.push(
      ...magnitudes({ ...ends, isMinimumExclusive: nearest && isMaximumExclusive }).map((text) => `"-" ${text}`),
    );
  }
  if (high > 0 || (high === 0 && !isMaximumExclusive)) {
    const isFromZero = low < 0;
    alternatives.push(
      ...magnitudes({
        minimum: Math.max(0, low),
        maximum: high,
        isMinimumExclusive: !isFromZero && isMinimumExclusive,
        isMaximumExclusive,
      }),
    );
  }
  return alternatives.length === 0 ? null : alternatives.join(" | ");
}

function magnitudes(range: NumberRange & { readonly minimum: number; readonly maximum: number }): string[] {
  const { minimum, maximum, isMinimumExclusive, isMaximumExclusive } = range;
  const alternatives: string[] = [];
  if (isMinimumExclusive && minimum < maximum) {
    alternatives.push(...justAbove(minimum, isMaximumExclusive && minimum + 1 === maximum ? maximum : null));
  }
  const firstWhole = isMinimumExclusive ? minimum + 1 : minimum;
  // The whole number below an end that is left out has fewer digits behind it, so that none is rounded up to the end.
  const lastFree = isMaximumExclusive ? maximum - 2 : maximum - 1;
  if (firstWhole <= lastFree) {
    alternatives.push(`(${wholeRange(firstWhole, lastFree).join(" | ")})${fraction(fractionDigits)}`);
  }
  if (isMaximumExclusive && firstWhole < maximum) {
    alternatives.push(`"${maximum - 1}"${fraction(digitsBeside(maximum))}`);
  }
  if (!isMaximumExclusive) alternatives.push(`"${maximum}" ("." "0"{1,${fractionDigits}})?`);
  return alternatives;
}

function fraction(digits: number): string {
  return digits === 0 ? "" : ` ("." [0-9]{1,${digits}})?`;
}

/** The whole number with a fraction that is not zero, and, where `next` is left out, is not rounded up to it. */
function justAbove(whole: number, next: number | null): string[] {
  const digits = digitsBeside(whole);
  // Rounding keeps the order, so only the first digit that is not zero counts below, but all of them count above.
  const others = next === null ? digits - 1 : Math.min(digits - 1, Math.floor((digitsBeside(next) - 1) / 2));
  return others < 0 ? [] : [`"${whole}." "0"{0,${others}} [1-9] [0-9]{0,${others}}`];
}

/** How many digits behind the point a number beside `whole` may have without being rounded to it. */
function digitsBeside(whole: number): number {
  return whole === 0 ? fractionDigits : Math.max(0, exactDigits - String(whole).length);
}

/** The whole numbers from `low` to `high`, both 0 or more, one alternative for each number of digits at most. */
function wholeRange(low: number, high: number): string[] {
  const alternatives: string[] = [];
  for (let length = String(low).length; length <= String(high).length; length += 1) {
    const first = length === 1 ? 0 : 10 ** (length - 1);
    const last = 10 ** length - 1;
    const from = String(Math.max(low, first));
    const to = high <= last ? String(high) : "9".repeat(length);
    alternatives.push(...digitRange(from, to));
  }
  return alternatives;
}

/** Texts of digits from `low` to `high`, which have the same length. */
function digitRange(low: string, high: string): string[] {
  const [lowFirst, highFirst] = [Number(low.charAt(0)), Number(high.charAt(0))];
  const [lowRest, highRest] = [low.slice(1), high.slice(1)];
  if (lowRest === "") return [digitClass(lowFirst, highFirst)];
  const isLowWhole = /^0*$/.test(lowRest);
  const isHighWhole = /^9*$/.test(highRest);
  if (lowFirst === highFirst && !(isLowWhole && isHighWhole)) {
    return [prefixed(lowFirst, digitRange(lowRest, highRest))];
  }
  const alternatives: string[] = [];
  const from = isLowWhole ? lowFirst : lowFirst + 1;
  const to = isHighWhole ? highFirst : highFirst - 1;
  if (!isLowWhole) alternatives.push(prefixed(lowFirst, digitRange(lowRest, "9".repeat(lowRest.length))));
  if (from <= to) alternatives.push(`${digitClass(from, to)} [0-9]{${lowRest.length}}`);
  if (!isHighWhole) alternatives.push(prefixed(highFirst, digitRange("0".repeat(highRest.length), highRest)));
  return alternatives;
}

function prefixed(digit: number, rest: readonly string[]): string {
  return rest.length === 1 ? `"${digit}" ${rest[0]}` : `"${digit}" (${rest.join(" | ")})`;
}

function digitClass(low: number, high: number): string {
  return low === high ? `"${low}"` : `[${low}-${high}]`;
}
