// Makes JSON of arguments that are written as in a call of Python, or as Gemma 4 writes them, while they come.
import { MarkerMatcher } from "../marker-matcher.ts";

/** Reads the arguments of one call character by character. */
export type ArgumentsText = {
  /** The next piece of their JSON, and whether they are whole. */
  push(character: string): { readonly json: string; readonly isLast: boolean };
};

export type LiteralSyntax = {
  /** What a text stands in. */
  readonly quotes: readonly string[];
  /** Whether texts have escapes. */
  readonly isEscaped: boolean;
  /** What follows the name of an argument. */
  readonly assignment: string;
  /** What ends the arguments. */
  readonly close: string;
};

/** NAME(a="b", c=[True, None]). */
export const pythonSyntax: LiteralSyntax = { quotes: ['"', "'"], isEscaped: true, assignment: "=", close: ")" };
/** call:NAME{a:<|"|>b<|"|>,c:[true,null]}: the chat template of google/gemma-4-31B-it. */
export const gemmaSyntax: LiteralSyntax = { quotes: ['<|"|>'], isEscaped: false, assignment: ":", close: "}" };

/** Longest bare word; what is longer is cut. */
const wordLengthMax = 4096;

const closers: Readonly<Record<string, string>> = { "{": "}", "[": "]", "(": ")" };
const literals: Readonly<Record<string, string>> = { True: "true", False: "false", None: "null" };

/** Begins behind the bracket that opens the arguments. */
export class LiteralArguments implements ArgumentsText {
  readonly #syntax: LiteralSyntax;
  /** Brackets that are open, by what closes them. */
  readonly #open: string[];
  #outside: MarkerMatcher;
  /** Of the text that is being read; null outside. */
  #inside: MarkerMatcher | null = null;
  #isAfterBackslash = false;
  #word = "";
  #json = "{";
  #isCommaDue = false;

  constructor(syntax: LiteralSyntax) {
    this.#syntax = syntax;
    this.#open = [syntax.close];
    this.#outside = new MarkerMatcher(syntax.quotes);
  }

  push(character: string): { readonly json: string; readonly isLast: boolean } {
    if (this.#inside === null) this.#pushOutside(character);
    else this.#pushInside(character, this.#inside);
    const json = this.#json;
    this.#json = "";
    return { json, isLast: this.#open.length === 0 };
  }

  #pushInside(character: string, quote: MarkerMatcher): void {
    if (this.#isAfterBackslash) {
      this.#isAfterBackslash = false;
      this.#json += escaped(character);
      return;
    }
    if (this.#syntax.isEscaped && character === "\\") {
      this.#isAfterBackslash = true;
      return;
    }
    const { text, marker } = quote.push(character);
    this.#json += JSON.stringify(text).slice(1, -1);
    if (marker === null) return;
    this.#json += '"';
    this.#inside = null;
  }

  #pushOutside(character: string): void {
    const { text, marker } = this.#outside.push(character);
    for (const part of text) this.#bare(part);
    if (marker === null) return;
    this.#value('"');
    this.#inside = new MarkerMatcher([marker]);
  }

  #bare(character: string): void {
    const close = closers[character];
    if (close !== undefined) {
      this.#value(character === "(" ? "[" : character);
      this.#open.push(close);
    } else if (character === this.#open.at(-1)) {
      this.#endWord();
      this.#open.pop();
      this.#isCommaDue = false;
      const isTuple = character === ")" && this.#open.length > 0;
      this.#json += this.#open.length === 0 ? "}" : isTuple ? "]" : character;
    } else if (character === ",") {
      this.#endWord();
      this.#isCommaDue = true;
    } else if (character === (this.#open.length === 1 ? this.#syntax.assignment : ":") && this.#open.at(-1) !== "]") {
      const key = this.#word.trim();
      this.#word = "";
      if (key !== "") this.#value(JSON.stringify(key));
      this.#json += ": ";
    } else if (this.#word.length < wordLengthMax) {
      this.#word += character;
    }
  }

  /** A bare word that is no key. */
  #endWord(): void {
    const word = this.#word.trim();
    this.#word = "";
    if (word !== "") this.#value(literals[word] ?? (isJson(word) ? word : JSON.stringify(word)));
  }

  #value(json: string): void {
    this.#json += this.#isCommaDue ? `, ${json}` : json;
    this.#isCommaDue = false;
  }
}

/** What a backslash and a character mean in Python, in JSON. */
function escaped(character: string): string {
  if (/["\\/bfnrtu]/.test(character)) return `\\${character}`;
  if (character === "x") return "\\u00";
  if (character === "'") return character;
  if (character === "\n") return "";
  return JSON.stringify(`\\${character}`).slice(1, -1);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
