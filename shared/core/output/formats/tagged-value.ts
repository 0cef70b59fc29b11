/** Longest value that is held back until its end shows whether it is JSON. */
const heldLengthMax = 64 * 1024;

/** Literals of Python, as models write them too. */
const literals: Readonly<Record<string, string>> = { True: "true", False: "false", None: "null" };

export type TaggedValueOptions = {
  /** A text whatever it looks like; others are JSON where they can be read as such, and texts otherwise. */
  readonly isText: boolean;
  /** One line break before the value and one after it are not its own. */
  readonly isOnLines: boolean;
  /** Gets the JSON of the value: a text as it comes, all others at their end. */
  readonly write: (json: string) => void;
};

/** Makes JSON of a value that is written as a bare text. */
export class TaggedValue {
  readonly #isOnLines: boolean;
  readonly #write: (json: string) => void;
  #isText: boolean;
  #isAtStart = true;
  #hasQuote = false;
  #held = "";

  constructor({ isText, isOnLines, write }: TaggedValueOptions) {
    this.#isText = isText;
    this.#isOnLines = isOnLines;
    this.#write = write;
  }

  push(character: string): void {
    const isLeadingBreak = this.#isAtStart && this.#isOnLines && character === "\n";
    this.#isAtStart = false;
    if (isLeadingBreak) return;
    this.#held += character;
    if (this.#held.length > heldLengthMax) this.#isText = true;
    if (!this.#isText) return;
    // The last line break may belong to the tag that follows.
    const isKept = this.#isOnLines && this.#held.endsWith("\n");
    this.#writeText(isKept ? this.#held.slice(0, -1) : this.#held);
    this.#held = isKept ? "\n" : "";
  }

  /** The value is whole. */
  finish(): void {
    const text = this.#isOnLines && this.#held.endsWith("\n") ? this.#held.slice(0, -1) : this.#held;
    const json = this.#isText ? null : asJson(text.trim());
    if (json !== null) {
      this.#write(json);
      return;
    }
    this.#writeText(text);
    this.#write(this.#hasQuote ? '"' : '""');
  }

  /** The answer has ended in the middle of the value. */
  cutOff(): void {
    if (this.#isText) this.#writeText(this.#held);
    else this.#write(this.#held);
  }

  #writeText(text: string): void {
    if (text === "") return;
    const quoted = JSON.stringify(text).slice(1, -1);
    this.#write(this.#hasQuote ? quoted : `"${quoted}`);
    this.#hasQuote = true;
  }
}

function asJson(text: string): string | null {
  try {
    JSON.parse(text);
    return text;
  } catch {
    return Object.hasOwn(literals, text) ? (literals[text] ?? null) : null;
  }
}
