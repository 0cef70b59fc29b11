// Where a text stops being JSON. The built-in parser names the place only sometimes, and quotes the text when it does.

/**
 * Index of the first character that cannot stand where it stands (RFC 8259); the length of the text when it ends too
 * early; null when it is JSON. Takes any depth: it keeps a stack of its own.
 */
export function findJsonError(text: string): number | null {
  return new JsonScanner(text).findError();
}

/** `line L, column C` of an index, both from 1. */
export function lineAndColumn(text: string, index: number): string {
  let line = 1;
  let lineAt = 0;
  for (let at = 0; at < index; at += 1) {
    if (text.charCodeAt(at) !== lineFeed) continue;
    line += 1;
    lineAt = at + 1;
  }
  return `line ${line}, column ${index - lineAt + 1}`;
}

/** Codes of characters, because a hostile text has millions: comparing one as a string costs ten times as much. */
const [lineFeed, carriageReturn, tab, space] = [0x0a, 0x0d, 0x09, 0x20];
const [quote, backslash] = [0x22, 0x5c];

type State = "value" | "valueOrEnd" | "key" | "keyOrEnd" | "colon" | "afterValue";

/** Mutable and without allocation a step: a hostile body has millions of them. */
class JsonScanner {
  readonly #text: string;
  readonly #closers: string[] = [];
  readonly #number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
  #state: State = "value";
  /** The next character, or the one that is wrong. */
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  findError(): number | null {
    for (;;) {
      this.#skipSpace();
      if (this.#state === "afterValue" && this.#closers.length === 0) {
        return this.#at === this.#text.length ? null : this.#at;
      }
      if (!this.#step()) return this.#at;
    }
  }

  /** Takes one token in; false when it cannot stand here. */
  #step(): boolean {
    const closer = this.#closers[this.#closers.length - 1];
    switch (this.#state) {
      case "colon":
        return this.#take(":", "value");
      case "afterValue":
        return this.#close() || this.#take(",", closer === "}" ? "key" : "value");
      case "key":
        return this.#string("colon");
      case "keyOrEnd":
        return this.#close() || this.#string("colon");
      case "value":
        return this.#value();
      case "valueOrEnd":
        return this.#close() || this.#value();
    }
  }

  #take(character: string, next: State): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    this.#state = next;
    return true;
  }

  #close(): boolean {
    const closer = this.#closers[this.#closers.length - 1];
    if (closer === undefined || !this.#take(closer, "afterValue")) return false;
    this.#closers.pop();
    return true;
  }

  #value(): boolean {
    const character = this.#text[this.#at];
    switch (character) {
      case "{":
        this.#closers.push("}");
        return this.#take(character, "keyOrEnd");
      case "[":
        this.#closers.push("]");
        return this.#take(character, "valueOrEnd");
      case '"':
        return this.#string("afterValue");
      case "t":
        return this.#word("true");
      case "f":
        return this.#word("false");
      case "n":
        return this.#word("null");
      default:
        return this.#digits();
    }
  }

  #word(word: string): boolean {
    this.#state = "afterValue";
    for (const character of word) {
      if (this.#text[this.#at] !== character) return false;
      this.#at += 1;
    }
    return true;
  }

  #digits(): boolean {
    this.#number.lastIndex = this.#at;
    if (!this.#number.test(this.#text)) return false;
    this.#at = this.#number.lastIndex;
    this.#state = "afterValue";
    return true;
  }

  /** A loop and no expression: a long string would overflow the stack of one. */
  #string(next: State): boolean {
    if (!this.#take('"', next)) return false;
    const text = this.#text;
    for (let at = this.#at; at < text.length; ) {
      const code = text.charCodeAt(at);
      this.#at = at;
      if (code === quote) return this.#take('"', next);
      if (code < space) return false;
      const length = code === backslash ? this.#escapeLength() : 1;
      if (length === 0) return false;
      at += length;
    }
    this.#at = text.length;
    return false;
  }

  /** 0 when it is no escape. */
  #escapeLength(): number {
    const kind = this.#text[this.#at + 1] ?? "?";
    if (kind !== "u") return '"\\/bfnrt'.includes(kind) ? 2 : 0;
    return /^[0-9a-fA-F]{4}$/.test(this.#text.slice(this.#at + 2, this.#at + 6)) ? 6 : 0;
  }

  #skipSpace(): void {
    const text = this.#text;
    let at = this.#at;
    for (; ; at += 1) {
      const code = text.charCodeAt(at);
      if (code !== space && code !== lineFeed && code !== carriageReturn && code !== tab) break;
    }
    this.#at = at;
  }
}
