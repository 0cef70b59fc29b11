// Calls as JSON objects, with or without markers around them, or as names before their arguments.
// - Hermes 2 Pro, Qwen 2.5 and Qwen 3: <tool_call>\n{"name": ..., "arguments": {...}}\n</tool_call>, one block a call
//   (NousResearch/Hermes-Function-Calling; the chat templates of Qwen/Qwen2.5-7B-Instruct and Qwen/Qwen3-8B).
// - Llama 3.x: {"name": ..., "parameters": {...}}, alone or after <|python_tag|>, several divided by ";"
//   (Meta's model cards and prompt formats, Llama 3.1 and 3.2).
// - Mistral: [TOOL_CALLS][{"name": ..., "arguments": {...}}, ...], since v11 [TOOL_CALLS]NAME[ARGS]{...}
//   (mistral-common, tokenizer versions 3 and 11).
// - Any model that was told to answer with such an object and nothing else.
import { MarkerMatcher } from "../marker-matcher.ts";
import { heldLengthMax, JsonCall, JsonValueEnd } from "./json-call.ts";
import { type ArgumentsText, LiteralArguments, type LiteralSyntax } from "./literal-arguments.ts";
import type { AnswerStart, Reader, ReaderParts } from "./reader.ts";

/** How a bare name and its arguments are written. */
export type NamedArguments = {
  /** Stands between them. */
  readonly marker: string;
  /** Finds the name in what stands before the marker. */
  readonly name: RegExp;
  /** Null for a JSON object; others begin with the marker. */
  readonly syntax: LiteralSyntax | null;
};

export type JsonCallsOptions = {
  /** Markers before a call. */
  readonly openers: readonly string[];
  /** Markers that only surround calls and are nothing themselves. */
  readonly closers: readonly string[];
  /** Whether an answer that begins with a bracket is a call without a marker. */
  readonly isBareAllowed: boolean;
  /** Null where names stand in objects only. */
  readonly named: NamedArguments | null;
  /** What may stand between two calls and is nothing itself; matches one character. */
  readonly separators: RegExp;
};

type State = "start" | "text" | "before" | "call" | "name" | "arguments" | "after";

export class JsonCallsReader implements Reader {
  readonly #parts: ReaderParts;
  readonly #options: JsonCallsOptions;
  readonly #openers: MarkerMatcher;
  #around: MarkerMatcher;
  #state: State;
  /** All that was read since the text before a call: what it is if it turns out to be no call. */
  #raw = "";
  /** The marker before the call; "" where there is none. */
  #opener = "";
  #call: JsonCall | null = null;
  /** The bare name before the arguments marker, until the arguments begin. */
  #name: string | null = null;
  /** Where in `#raw` it begins. */
  #nameStart = 0;
  #hasArguments = false;
  #argumentsText: ArgumentsText = new JsonArguments();

  readonly #read: Readonly<Record<State, (character: string) => void>> = {
    start: (character) => this.#atStart(character),
    text: (character) => this.#inText(character),
    before: (character) => this.#beforeCall(character),
    call: (character) => this.#inCall(character),
    name: (character) => this.#inName(character),
    arguments: (character) => this.#inArguments(character),
    after: (character) => this.#afterCall(character),
  };

  /** Where text has begun, a call without a marker would be a part of it. */
  constructor(parts: ReaderParts, options: JsonCallsOptions, start: AnswerStart) {
    this.#parts = parts;
    this.#options = options;
    this.#openers = new MarkerMatcher(options.openers);
    this.#around = new MarkerMatcher([...options.openers, ...options.closers]);
    this.#state = options.isBareAllowed && start !== "text" ? "start" : "text";
  }

  push(character: string): void {
    this.#read[this.#state](character);
    if (this.#raw.length > heldLengthMax) this.#giveUp("");
  }

  finish(): void {
    const begun = this.#around.finish();
    // Separators at the end are nothing, and so is the beginning of a closing marker.
    const isClosing = begun.length > 1 && this.#options.closers.some((closer) => closer.startsWith(begun));
    const isOver = this.#state === "text" || (this.#state === "after" && (begun.trim() === "" || isClosing));
    if (!isOver) this.#giveUp(begun);
    this.#parts.sink.text(this.#openers.finish());
  }

  #atStart(character: string): void {
    if (character === "{" || character === "[") {
      this.#state = "before";
      this.#beforeCall(character);
    } else if (/\s/.test(character)) {
      this.#raw += character;
    } else {
      this.#giveUp(character);
    }
  }

  #inText(character: string): void {
    const { text, marker } = this.#openers.push(character);
    this.#parts.sink.text(text);
    if (marker !== null) this.#open(marker);
  }

  #open(marker: string): void {
    this.#raw = marker;
    this.#opener = marker;
    this.#state = "before";
  }

  #beforeCall(character: string): void {
    if (character === "{") {
      this.#call = new JsonCall({
        isKnown: (name) => this.#parts.toolNames.has(name),
        begin: (name) => this.#begin(name),
        arguments: (text) => this.#arguments(text),
        isNameEnough: this.#opener !== "" && !this.#opener.startsWith("`"),
      });
      this.#state = "call";
      this.#inCall(character);
      return;
    }
    if (/[\s[]/.test(character)) {
      this.#raw += character;
    } else if (this.#options.named === null) {
      this.#giveUp(character);
    } else {
      this.#beginName(character);
    }
  }

  #inCall(character: string): void {
    const before = this.#raw;
    this.#raw += character;
    const progress = this.#call?.push(character) ?? "failed";
    if (progress === "done") this.#endCall();
    if (progress !== "failed") return;
    // The character may begin a marker.
    this.#raw = before;
    this.#giveUp(character);
  }

  #beginName(character: string): void {
    this.#nameStart = this.#raw.length;
    this.#state = "name";
    this.#inName(character);
  }

  /** NAME[ARGS]: the name is in what stands before the marker. */
  #inName(character: string): void {
    this.#raw += character;
    const { marker = "", name: pattern, syntax = null } = this.#options.named ?? {};
    const isMarked = this.#raw.endsWith(marker);
    const written = isMarked ? this.#raw.slice(this.#nameStart, -marker.length).trim() : "";
    const name = pattern?.exec(written)?.[1] ?? "";
    if (isMarked && this.#parts.toolNames.has(name)) {
      this.#argumentsText = syntax === null ? new JsonArguments() : new LiteralArguments(syntax);
      this.#state = "arguments";
      if (syntax === null) this.#name = name;
      else this.#begin(name);
    } else if (isMarked || this.#raw.length - this.#nameStart > nameLengthMax) {
      this.#giveUp("");
    }
  }

  #inArguments(character: string): void {
    if (this.#name !== null) {
      if (character === "{") this.#begin(this.#name);
      else if (/\s/.test(character)) this.#raw += character;
      else this.#giveUp(character);
      if (character !== "{") return;
    }
    const { json, isLast } = this.#argumentsText.push(character);
    this.#arguments(json);
    if (isLast) this.#endCall();
  }

  #afterCall(character: string): void {
    const { text, marker } = this.#around.push(character);
    for (const [index, between] of [...text].entries()) {
      if (this.#options.separators.test(between)) {
        this.#raw += between;
        continue;
      }
      const more = [...text].slice(index).join("") + (marker ?? this.#around.finish());
      this.#leaveCalls(more);
      return;
    }
    if (marker === null) return;
    if (this.#options.openers.includes(marker)) this.#open(marker);
    else this.#raw = "";
  }

  /** Something that is no separator follows the calls: another one without a marker, or text. */
  #leaveCalls(more: string): void {
    if (more.startsWith("{")) {
      this.#state = "before";
    } else if (this.#options.named !== null && this.#raw.includes(",") && /^\w/.test(more)) {
      this.#nameStart = this.#raw.length;
      this.#state = "name";
    } else {
      // Spaces after calls are nothing, other separators belong to the text.
      this.#parts.sink.text(this.#raw.trim() === "" ? "" : this.#raw);
      this.#raw = "";
      this.#state = "text";
    }
    for (const character of more) this.push(character);
  }

  #begin(name: string): void {
    this.#hasArguments = false;
    this.#name = null;
    this.#raw = "";
    this.#parts.sink.beginCall(name);
  }

  #arguments(text: string): void {
    if (text === "") return;
    this.#hasArguments = true;
    this.#raw = "";
    this.#parts.sink.callArguments(text);
  }

  #endCall(): void {
    if (!this.#hasArguments) this.#parts.sink.callArguments("{}");
    this.#parts.sink.endCall(true);
    this.#call = null;
    this.#raw = "";
    this.#state = "after";
  }

  /** A call that has begun is ended where it stands; all that was held back is text, and so is what follows. */
  #giveUp(following: string): void {
    const isRunning = this.#state === "arguments" && this.#name === null;
    if (isRunning || this.#call?.hasBegun === true) {
      if (!this.#hasArguments) this.#parts.sink.callArguments("{}");
      this.#parts.sink.endCall(this.#call?.hasWholeArguments ?? false);
    }
    const held = this.#raw;
    this.#raw = "";
    this.#call = null;
    this.#name = null;
    this.#state = "text";
    this.#parts.sink.text(held);
    for (const character of following) this.#inText(character);
  }
}

const nameLengthMax = 256;

/** Arguments that are JSON already. */
class JsonArguments implements ArgumentsText {
  readonly #end = new JsonValueEnd();

  push(character: string): { readonly json: string; readonly isLast: boolean } {
    return { json: character, isLast: this.#end.push(character).isLast };
  }
}
