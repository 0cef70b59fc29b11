// Reads one tool call written as a JSON object, character by character: {"name": ..., "arguments": {...}}.

/** Gets a call's parts as soon as they are certain. */
export type CallListener = {
  /** Whether there is a tool of this name: a call of any other is none. */
  isKnown(name: string): boolean;
  begin(name: string): void;
  arguments(text: string): void;
};

export type CallProgress = "more" | "done" | "failed";

/** Text of a call that is read without the tool's name being known yet. */
const bufferedMax = 64 * 1024;

/** Where a JSON value ends: counts brackets outside strings. */
export class JsonValueEnd {
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  #hasBegun = false;
  #isScalar = false;

  /** `isOver`: the value ended before this character, which does not belong to it. */
  push(character: string): { readonly isLast: boolean; readonly isOver: boolean } {
    if (this.#isInString) return { isLast: this.#inString(character), isOver: false };
    if (this.#isScalar) return { isLast: false, isOver: /[\s,}\]]/.test(character) };
    return { isLast: this.#outside(character), isOver: false };
  }

  #inString(character: string): boolean {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (character === "\\") this.#isEscaped = true;
    else if (character === '"') {
      this.#isInString = false;
      return this.#depth === 0;
    }
    return false;
  }

  #outside(character: string): boolean {
    if (character === '"') this.#isInString = true;
    else if (character === "{" || character === "[") this.#depth += 1;
    else if (character === "}" || character === "]") {
      this.#depth -= 1;
      return this.#depth <= 0;
    } else if (!this.#hasBegun) this.#isScalar = true;
    this.#hasBegun = true;
    return false;
  }
}

type Expected = "object" | "key" | "colon" | "value" | "separator";

export class JsonCall {
  readonly #listener: CallListener;
  #expected: Expected = "object";
  #wrappers = 0;
  #length = 0;
  /** The key or the value that is being read, and where it ends. */
  #raw = "";
  #end: JsonValueEnd | null = null;
  #key = "";
  #name: string | null = null;
  #hasBegun = false;
  /** Arguments that came before the name. */
  #early = "";

  constructor(listener: CallListener) {
    this.#listener = listener;
  }

  /** Whether the listener knows of it: it has a name and arguments. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  push(character: string): CallProgress {
    this.#length += 1;
    if (!this.hasBegun && this.#length > bufferedMax) return "failed";
    if (this.#end !== null) return this.#inValue(character, this.#end);
    if (/\s/.test(character)) return "more";
    switch (this.#expected) {
      case "object":
        this.#expected = "key";
        return character === "{" ? "more" : "failed";
      case "key":
        return character === '"' ? this.#beginValue(character) : "failed";
      case "colon":
        this.#expected = "value";
        return character === ":" ? "more" : "failed";
      case "value":
        return this.#atValue(character);
      case "separator":
        return this.#atSeparator(character);
    }
  }

  #atValue(character: string): CallProgress {
    // {"type": "function", "function": {"name": ...}}: the same one level deeper.
    if (this.#key !== "function" || character !== "{") return this.#beginValue(character);
    this.#wrappers += 1;
    this.#expected = "key";
    return "more";
  }

  #atSeparator(character: string): CallProgress {
    if (character === ",") {
      this.#expected = "key";
      return "more";
    }
    if (character !== "}") return "failed";
    this.#wrappers -= 1;
    if (this.#wrappers >= 0) return "more";
    if (this.#name === null) return "failed";
    this.#begin();
    return "done";
  }

  #beginValue(character: string): CallProgress {
    if (/[}\],:]/.test(character)) return "failed";
    this.#end = new JsonValueEnd();
    this.#raw = "";
    return this.#inValue(character, this.#end);
  }

  #inValue(character: string, end: JsonValueEnd): CallProgress {
    const { isLast, isOver } = end.push(character);
    if (!isOver) this.#take(character);
    if (!isLast && !isOver) return "more";
    this.#end = null;
    const progress = this.#expected === "key" ? this.#endKey() : this.#endValue();
    return progress === "more" && isOver ? this.push(character) : progress;
  }

  /** Arguments that are an object go on at once; all else is kept until it is whole. */
  #take(character: string): void {
    this.#raw += character;
    const isArguments = this.#expected === "value" && isArgumentsKey(this.#key) && this.#raw.startsWith("{");
    if (isArguments) this.#arguments(character);
  }

  #arguments(text: string): void {
    if (this.#name === null) {
      this.#early += text;
      return;
    }
    this.#begin();
    this.#listener.arguments(text);
  }

  #begin(): void {
    if (this.#hasBegun || this.#name === null) return;
    this.#hasBegun = true;
    this.#listener.begin(this.#name);
    this.#listener.arguments(this.#early);
  }

  #endKey(): CallProgress {
    const key = parseString(this.#raw);
    this.#key = key ?? "";
    this.#expected = "colon";
    return key === null ? "failed" : "more";
  }

  #endValue(): CallProgress {
    this.#expected = "separator";
    if (this.#key === "name") return this.#endName();
    if (!isArgumentsKey(this.#key) || this.#raw.startsWith("{")) return "more";
    // Some models write the arguments as a text that holds JSON, or null for none.
    const text = this.#raw === "null" ? "{}" : (parseString(this.#raw) ?? this.#raw);
    this.#arguments(text);
    return "more";
  }

  #endName(): CallProgress {
    const name = parseString(this.#raw);
    if (name === null || this.#name !== null || !this.#listener.isKnown(name)) return "failed";
    this.#name = name;
    if (this.#early !== "") this.#begin();
    return "more";
  }
}

function isArgumentsKey(key: string): boolean {
  return key === "arguments" || key === "parameters";
}

function parseString(raw: string): string | null {
  if (!raw.startsWith('"')) return null;
  try {
    const value: unknown = JSON.parse(raw);
    return typeof value === "string" ? value : null;
  } catch {
    return null;
  }
}
