import { type CodePointRange, codePointMax, intersectRanges, subtractRanges } from "./code-points.ts";
import { grammarError, placeIn } from "./gbnf-grammar.ts";

/** What a model can say: no token stands for NUL, which ends a text in the engine, or for half a surrogate pair. */
const sayable: readonly CodePointRange[] = [
  [1, 0xd7ff],
  [0xe000, codePointMax],
];

const escapeLetters: Readonly<Record<string, number>> = {
  t: 9,
  r: 13,
  n: 10,
  "\\": 92,
  '"': 34,
  "[": 91,
  "]": 93,
  "-": 45,
};
const hexEscapeLengths: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** Characters of a class, or one of a literal; `size` as in `GbnfElement`. */
export type GbnfCharacters = { readonly ranges: readonly CodePointRange[]; readonly size: number };

/**
 * Reads the smallest parts of a GBNF text: blanks, names, numbers, characters.
 * Syntax: llama.cpp's grammars/README.md, and `llama_grammar_parser` of its src/llama-grammar.cpp where that is silent.
 */
export class GbnfCursor {
  readonly #text: string;
  readonly #field: string;
  position = 0;

  constructor(text: string, field: string) {
    this.#text = text;
    this.#field = field;
  }

  get isAtEnd(): boolean {
    return this.position >= this.#text.length;
  }

  /** The next character, or an empty text at the end. */
  get next(): string {
    return this.#text.charAt(this.position);
  }

  /** Steps over `text` when it comes next. */
  take(text: string): boolean {
    if (!this.#text.startsWith(text, this.position)) return false;
    this.position += text.length;
    return true;
  }

  expect(text: string, why: string): void {
    if (!this.take(text)) this.fail(`\`${text}\` is missing ${why}`);
  }

  /** Steps over blanks and comments, and over ends of lines where a rule may go on after them. */
  skipBlanks(overLines: boolean): void {
    const blanks = overLines ? /(?:[ \t\r\n]|#[^\r\n]*)*/y : /(?:[ \t]|#[^\r\n]*)*/y;
    this.#match(blanks);
  }

  /** The name of a rule, or an empty text when none comes next. */
  takeName(): string {
    return this.#match(/[a-zA-Z0-9-]*/y);
  }

  /** A whole number, or null when none comes next. */
  takeInteger(): number | null {
    const digits = this.#match(/[0-9]*/y);
    return digits === "" ? null : Number(digits);
  }

  /** One character of a literal, escaped or not. */
  takeCharacter(): GbnfCharacters {
    const start = this.position;
    const codePoint = this.#takeCodePoint();
    return { ranges: this.#usable([[codePoint, codePoint]], start), size: 1 };
  }

  /** What follows `[`, up to and with `]`. */
  takeClass(): GbnfCharacters {
    const start = this.position;
    const isNegated = this.take("^");
    const ranges: CodePointRange[] = [];
    let size = 0;
    while (!this.take("]")) {
      const low = this.#takeCodePoint();
      const isRange = this.next === "-" && !this.#text.startsWith("-]", this.position);
      if (isRange) this.position += 1;
      const high = isRange ? this.#takeCodePoint() : low;
      size += isRange ? 2 : 1;
      if (low > high) this.fail("a range of characters is the wrong way round", start);
      ranges.push([low, high]);
    }
    if (size === 0) this.fail("a class of characters is empty", start);
    return { ranges: this.#usable(isNegated ? subtractRanges(sayable, ranges) : ranges, start), size };
  }

  /** What a dot stands for. */
  anyCharacter(): GbnfCharacters {
    return { ranges: sayable, size: 1 };
  }

  /** Throws `invalid_request` with the line and the column. */
  fail(message: string, position = this.position): never {
    throw grammarError(`${message}, ${placeIn(this.#text, position)}`, this.#field);
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.position;
    const found = pattern.exec(this.#text)?.[0] ?? "";
    this.position += found.length;
    return found;
  }

  #usable(ranges: readonly CodePointRange[], start: number): readonly CodePointRange[] {
    const [only] = ranges;
    // Most are one letter, and hundreds of thousands are read.
    if (ranges.length === 1 && only !== undefined && only[0] >= 1 && only[1] < 0xd800) return ranges;
    const usable = intersectRanges(ranges, sayable);
    if (usable.length === 0) this.fail("no text can hold this character, or none of this class", start);
    return usable;
  }

  #takeCodePoint(): number {
    if (this.isAtEnd) this.fail("a literal or a class does not end");
    if (this.take("\\")) return this.#takeEscape();
    const codePoint = this.#text.codePointAt(this.position) ?? 0;
    this.position += codePoint > 0xffff ? 2 : 1;
    return codePoint;
  }

  #takeEscape(): number {
    const letter = this.next;
    const known = escapeLetters[letter];
    const hexLength = hexEscapeLengths[letter];
    if (known === undefined && hexLength === undefined) this.fail(`there is no escape \`\\${letter}\``);
    this.position += 1;
    if (hexLength === undefined) return known ?? 0;
    const digits = this.#text.slice(this.position, this.position + hexLength);
    if (digits.length < hexLength || !/^[0-9a-fA-F]*$/.test(digits)) {
      this.fail(`\`\\${letter}\` needs ${hexLength} hexadecimal digits`);
    }
    this.position += hexLength;
    return Number.parseInt(digits, 16);
  }
}
