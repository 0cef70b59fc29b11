// Reads one tool call written as a JSON object, character by character: {"name": ..., "arguments": {...}}.

/** Gets a call's parts as soon as they are certain. */
export type CallListener = {
  /** Whether there is a tool of this name: a call of any other is none. */
  isKnown(name: string): boolean;
  begin(name: string): void;
  arguments(text: string): void;
  /** Whether a name without arguments is a call. */
  readonly isNameEnough: boolean;
};

export type CallProgress = "more" | "done" | "failed";

/** Most characters of a call that are held back, such as arguments before their name. */
export const heldLengthMax = 64 * 1024;

/** Where a JSON value ends: counts brackets outside strings. */
export class JsonValueEnd {
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  #hasBegun = false;
  #isScalar = false;

  /** Whether what comes next is part of a text. */
  get isInString(): boolean {
    return this.#isInString;
  }

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
  #arguments: "none" | "open" | "whole" = "none";
  /** The key or the value that is being read, and where it ends. */
  #raw = "";
  #end: JsonValueEnd | null = null;
  #key = "";
  #name: string | null = null;
  #hasBegun = false;
  /** Whether the value that is being read is handed on as it comes. */
  #isStreamed = false;
  /** Arguments that came before the name. */
  #early = "";

  constructor(listener: CallListener) {
    this.#listener = listener;
  }

  /** Whether the listener knows of it: it has a name and arguments. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  get hasWholeArguments(): boolean {
    return this.#arguments === "whole";
  }

  push(character: string): CallProgress {
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
    if (this.#name === null || (this.#arguments === "none" && !this.#listener.isNameEnough)) return "failed";
    this.#begin();
    return "done";
  }

  #beginValue(character: string): CallProgress {
    if (/[}\],:]/.test(character)) return "failed";
    const isArguments = this.#expected === "value" && isArgumentsKey(this.#key);
    if (isArguments && this.#arguments !== "none") return "failed";
    if (isArguments) this.#arguments = "open";
    this.#isStreamed = isArguments && character === "{";
    this.#end = new JsonValueEnd();
    this.#raw = "";
    return this.#inValue(character, this.#end);
  }

  #inValue(character: string, end: JsonValueEnd): CallProgress {
    const { isLast, isOver } = end.push(character);
    if (!isOver && this.#isStreamed) this.#handOn(character);
    else if (!isOver) this.#raw += character;
    if (!isLast && !isOver) return "more";
    this.#end = null;
    const progress = this.#expected === "key" ? this.#endKey() : this.#endValue();
    return progress === "more" && isOver ? this.push(character) : progress;
  }

  #handOn(text: string): void {
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
    if (this.#key === "name" || this.#key === "tool_name") return this.#endName();
    if (!isArgumentsKey(this.#key)) return "more";
    if (!this.#isStreamed) {
      const text = writtenArguments(this.#raw);
      if (text === null) return "failed";
      this.#handOn(text);
    }
    this.#arguments = "whole";
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

/** Some models write the arguments as a text that holds a JSON object, or null for none. */
function writtenArguments(raw: string): string | null {
  if (raw === "null") return "{}";
  const text = parseString(raw);
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? text : null;
  } catch {
    return null;
  }
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
