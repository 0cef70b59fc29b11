import { type CodePointRange, intersectRanges, scalarValues, subtractRanges, whiteSpace } from "../gbnf/code-points.ts";

/** A regular expression in the strict sense: what a finite automaton can match. `max` is null where there is none. */
export type RegexNode =
  | { readonly kind: "characters"; readonly ranges: readonly CodePointRange[] }
  | { readonly kind: "sequence"; readonly items: readonly RegexNode[] }
  | { readonly kind: "choice"; readonly items: readonly RegexNode[] }
  | { readonly kind: "repeat"; readonly item: RegexNode; readonly min: number; readonly max: number | null };

/** Says why something cannot be done, by throwing. */
export type Refuse = (reason: string) => never;

/** Groups in groups. */
const groupDepthMax = 50;
const repetitionsMax = 1_999;

const digits: readonly CodePointRange[] = [[48, 57]];
const wordCharacters: readonly CodePointRange[] = [
  [48, 57],
  [65, 90],
  [95, 95],
  [97, 122],
];
// WhiteSpace and LineTerminator of ECMA-262.
const lineEnds: readonly CodePointRange[] = [
  [10, 10],
  [13, 13],
  [0x2028, 0x2029],
];
const classEscapes: Readonly<Record<string, readonly CodePointRange[]>> = {
  d: digits,
  D: subtractRanges(scalarValues, digits),
  w: wordCharacters,
  W: subtractRanges(scalarValues, wordCharacters),
  s: whiteSpace,
  S: subtractRanges(scalarValues, whiteSpace),
};
const controlEscapes: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13 };

/** Any text at all. */
export const anyText: RegexNode = {
  kind: "repeat",
  item: { kind: "characters", ranges: scalarValues },
  min: 0,
  max: null,
};

/**
 * Reads a pattern in the syntax of ECMA-262 with the flag `u`, as JSON Schema wants it (2020-12, core section 6.4), into
 * the expression that the whole string has to match: where a pattern has no anchor, any text may stand. Supported are
 * characters, escapes, classes, the dot, groups, `|`, all quantifiers, and `^` and `$` at the ends; refused are looking
 * around, back references, word borders, properties of Unicode, and anchors elsewhere.
 */
export function parsePattern(pattern: string, refuse: Refuse): RegexNode {
  return new PatternParser(pattern, refuse).parse();
}

class PatternParser {
  readonly #pattern: string;
  readonly #refuse: Refuse;
  #position = 0;

  constructor(pattern: string, refuse: Refuse) {
    this.#pattern = pattern;
    this.#refuse = refuse;
  }

  parse(): RegexNode {
    const items: RegexNode[] = [];
    do {
      const start = this.#take("^") ? [] : [anyText];
      const body = this.#parseSequence(0);
      items.push({ kind: "sequence", items: [...start, body, ...(this.#take("$") ? [] : [anyText])] });
    } while (this.#take("|"));
    if (this.#position < this.#pattern.length) this.#fail(`\`${this.#next}\` is not supported here`);
    return { kind: "choice", items };
  }

  get #next(): string {
    return this.#pattern.charAt(this.#position);
  }

  #take(text: string): boolean {
    if (!this.#pattern.startsWith(text, this.#position)) return false;
    this.#position += text.length;
    return true;
  }

  #fail(reason: string): never {
    this.#refuse(`${reason}, at character ${this.#position + 1} of the pattern`);
  }

  #parseSequence(depth: number): RegexNode {
    const items: RegexNode[] = [];
    while (this.#position < this.#pattern.length && !"|)^$".includes(this.#next)) {
      items.push(this.#parseQuantifier(this.#parseAtom(depth)));
    }
    return { kind: "sequence", items };
  }

  #parseAtom(depth: number): RegexNode {
    if (this.#take("(")) return this.#parseGroup(depth + 1);
    if (this.#take("[")) return { kind: "characters", ranges: this.#parseClass() };
    if (this.#take(".")) return { kind: "characters", ranges: subtractRanges(scalarValues, lineEnds) };
    if (this.#take("\\")) return { kind: "characters", ranges: intersectRanges(this.#parseEscape(), scalarValues) };
    if ("*+?{}]".includes(this.#next)) this.#fail(`\`${this.#next}\` needs a backslash here`);
    return { kind: "characters", ranges: single(this.#takeCodePoint()) };
  }

  #parseGroup(depth: number): RegexNode {
    if (depth > groupDepthMax) this.#fail(`groups are nested deeper than ${groupDepthMax}`);
    if (this.#take("?") && !this.#take(":")) {
      const name = /^<[A-Za-z_$][\w$]*>/.exec(this.#pattern.slice(this.#position, this.#position + 100))?.[0];
      if (name === undefined) this.#fail("looking ahead or behind is not supported");
      this.#position += name.length;
    }
    const items: RegexNode[] = [];
    do items.push(this.#parseSequence(depth));
    while (this.#take("|"));
    if (!this.#take(")")) this.#fail("a group does not end, or an anchor stands in it");
    return { kind: "choice", items };
  }

  /** `?` behind a quantifier only says which match comes first, so it does not matter here. */
  #parseQuantifier(item: RegexNode): RegexNode {
    const bounds = this.#takeBounds();
    if (bounds === null) return item;
    this.#take("?");
    const { min, max } = bounds;
    if (Math.max(min, max ?? 0) > repetitionsMax) this.#fail(`more than ${repetitionsMax} repetitions`);
    if (max !== null && min > max) this.#fail("the numbers of repetitions are the wrong way round");
    return { kind: "repeat", item, min, max };
  }

  #takeBounds(): { min: number; max: number | null } | null {
    if (this.#take("*")) return { min: 0, max: null };
    if (this.#take("+")) return { min: 1, max: null };
    if (this.#take("?")) return { min: 0, max: 1 };
    if (this.#next !== "{") return null;
    const found = /^\{(\d{1,9})(,?)(\d{0,9})\}/.exec(this.#pattern.slice(this.#position, this.#position + 22));
    if (found === null) this.#fail("a quantifier is not complete");
    this.#position += found[0].length;
    const min = Number(found[1]);
    if (found[2] === "") return { min, max: min };
    return { min, max: found[3] === "" ? null : Number(found[3]) };
  }

  #parseClass(): readonly CodePointRange[] {
    const isNegated = this.#take("^");
    const ranges: CodePointRange[] = [];
    while (!this.#take("]")) {
      const low = this.#classMember();
      const isRange = this.#next === "-" && !this.#pattern.startsWith("-]", this.#position);
      if (!isRange) {
        ranges.push(...low);
        continue;
      }
      this.#position += 1;
      ranges.push(this.#rangeBetween(low, this.#classMember()));
    }
    return isNegated ? subtractRanges(scalarValues, ranges) : intersectRanges(ranges, scalarValues);
  }

  #rangeBetween(low: readonly CodePointRange[], high: readonly CodePointRange[]): CodePointRange {
    const from = onlyCodePoint(low);
    const to = onlyCodePoint(high);
    if (from === null || to === null || from > to) this.#fail("the ends of a range of characters are wrong");
    return [from, to];
  }

  #classMember(): readonly CodePointRange[] {
    if (this.#take("\\")) return this.#take("b") ? single(8) : this.#parseEscape();
    return single(this.#takeCodePoint());
  }

  #takeCodePoint(): number {
    const codePoint = this.#pattern.codePointAt(this.#position);
    if (codePoint === undefined) this.#fail("the pattern ends too early");
    this.#position += codePoint > 0xffff ? 2 : 1;
    return codePoint;
  }

  #parseEscape(): readonly CodePointRange[] {
    const letter = this.#next;
    const set = classEscapes[letter];
    const control = controlEscapes[letter];
    if (set === undefined && control === undefined && /[A-Za-z0-9]/.test(letter)) return single(this.#takeNumeric());
    const codePoint = this.#takeCodePoint();
    return set ?? single(control ?? codePoint);
  }

  /** `\0`, `\xHH`, `\uHHHH`, a surrogate pair of those, and `\u{H}`. */
  #takeNumeric(): number {
    const rest = this.#pattern.slice(this.#position, this.#position + 12);
    const pair = /^u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})/i.exec(rest);
    const plain = /^(?:0(?!\d)|x([0-9a-f]{2})|u([0-9a-f]{4})|u\{([0-9a-f]{1,6})\})/i.exec(rest);
    const found = pair ?? plain;
    if (found === null || rest.startsWith("X") || rest.startsWith("U")) {
      this.#fail(`the escape \`\\${this.#next}\` is not supported`);
    }
    this.#position += found[0].length;
    const [high, low, third] = [found[1], found[2], found[3]].map((hex) => Number.parseInt(hex ?? "0", 16));
    if (pair === null) return Math.max(high ?? 0, low ?? 0, third ?? 0);
    return 0x10000 + (((high ?? 0) - 0xd800) << 10) + ((low ?? 0) - 0xdc00);
  }
}

function single(codePoint: number): readonly CodePointRange[] {
  return [[codePoint, codePoint]];
}

function onlyCodePoint([range, ...others]: readonly CodePointRange[]): number | null {
  return range !== undefined && others.length === 0 && range[0] === range[1] ? range[0] : null;
}
