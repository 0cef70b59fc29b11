// Calls as JSON objects, with or without markers around them.
// - Hermes 2 Pro, Qwen 2.5 and Qwen 3: <tool_call>\n{"name": ..., "arguments": {...}}\n</tool_call>, one block a call
//   (NousResearch/Hermes-Function-Calling; the chat templates of Qwen/Qwen2.5-7B-Instruct and Qwen/Qwen3-8B).
// - Llama 3.x: {"name": ..., "parameters": {...}}, alone or after <|python_tag|>, several divided by ";"
//   (Meta's model cards and prompt formats, Llama 3.1 and 3.2).
// - Mistral: [TOOL_CALLS][{"name": ..., "arguments": {...}}, ...], since v11 [TOOL_CALLS]NAME[ARGS]{...}
//   (mistral-common, tokenizer versions 3 and 11).
// - Any model that was told to answer with such an object and nothing else.
import { MarkerMatcher } from "../marker-matcher.ts";
import { JsonCall, JsonValueEnd } from "./json-call.ts";
import type { Reader, ReaderParts } from "./reader.ts";

export type JsonCallsOptions = {
  /** Markers before a call. */
  readonly openers: readonly string[];
  /** Markers that only surround calls and are nothing themselves. */
  readonly closers: readonly string[];
  /** Whether an answer that begins with a bracket is a call without a marker. */
  readonly isBareAllowed: boolean;
  /** Stands between a bare name and its arguments; null where names stand in the objects. */
  readonly argumentsMarker: string | null;
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
  #call: JsonCall | null = null;
  #hasArguments = false;
  #valueEnd = new JsonValueEnd();

  readonly #read: Readonly<Record<State, (character: string) => void>> = {
    start: (character) => this.#atStart(character),
    text: (character) => this.#inText(character),
    before: (character) => this.#beforeCall(character),
    call: (character) => this.#inCall(character),
    name: (character) => this.#inName(character),
    arguments: (character) => this.#inArguments(character),
    after: (character) => this.#afterCall(character),
  };

  constructor(parts: ReaderParts, options: JsonCallsOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#openers = new MarkerMatcher(options.openers);
    this.#around = new MarkerMatcher([...options.openers, ...options.closers]);
    this.#state = options.isBareAllowed ? "start" : "text";
  }

  push(character: string): void {
    this.#read[this.#state](character);
  }

  finish(): void {
    const { sink } = this.#parts;
    if (this.#state === "text") sink.text(this.#openers.finish());
    else if (this.#state === "call" || this.#state === "arguments") this.#giveUp();
    else if (this.#state !== "after") sink.text(this.#raw);
    this.#raw = "";
  }

  #atStart(character: string): void {
    this.#raw += character;
    if (/\s/.test(character)) return;
    if (character === "{" || character === "[") {
      this.#raw = this.#raw.slice(0, -1);
      this.#state = "before";
      this.#beforeCall(character);
      return;
    }
    const raw = this.#raw;
    this.#raw = "";
    this.#state = "text";
    for (const held of raw) this.#inText(held);
  }

  #inText(character: string): void {
    const { text, marker } = this.#openers.push(character);
    this.#parts.sink.text(text);
    if (marker !== null) this.#open(marker);
  }

  #open(marker: string): void {
    this.#raw = marker;
    this.#state = "before";
  }

  #beforeCall(character: string): void {
    if (character === "{") {
      this.#call = new JsonCall({
        isKnown: (name) => this.#parts.toolNames.has(name),
        begin: (name) => this.#begin(name),
        arguments: (text) => this.#arguments(text),
      });
      this.#state = "call";
      this.#inCall(character);
      return;
    }
    this.#raw += character;
    if (/[\s[]/.test(character)) return;
    if (this.#options.argumentsMarker !== null) this.#state = "name";
    else this.#giveUp();
  }

  #inCall(character: string): void {
    this.#raw += character;
    const progress = this.#call?.push(character) ?? "failed";
    if (progress === "done") this.#endCall();
    else if (progress === "failed") this.#giveUp();
  }

  /** NAME[ARGS]: the name is all before the marker. */
  #inName(character: string): void {
    this.#raw += character;
    const marker = this.#options.argumentsMarker ?? "";
    const name = /[A-Za-z0-9_.-]+$/.exec(this.#raw.slice(0, -marker.length))?.[0] ?? "";
    if (this.#raw.endsWith(marker) && this.#parts.toolNames.has(name)) {
      this.#begin(name);
      this.#valueEnd = new JsonValueEnd();
      this.#state = "arguments";
    } else if (this.#raw.length > nameLengthMax || this.#raw.endsWith(marker)) {
      this.#giveUp();
    }
  }

  #inArguments(character: string): void {
    if (!this.#hasArguments && /\s/.test(character)) return;
    const { isLast, isOver } = this.#valueEnd.push(character);
    if (!isOver) this.#arguments(character);
    if (isLast || isOver) this.#endCall();
  }

  #afterCall(character: string): void {
    const { text, marker } = this.#around.push(character);
    if (marker !== null && this.#options.openers.includes(marker)) {
      this.#open(marker);
      return;
    }
    for (const [index, between] of [...text].entries()) {
      if (/[\s;,\]]/.test(between)) continue;
      this.#state = between === "{" ? "before" : "text";
      this.#raw = "";
      const rest = text.slice(index) + this.#around.finish();
      this.#around = new MarkerMatcher([...this.#options.openers, ...this.#options.closers]);
      for (const held of rest) this.push(held);
      return;
    }
  }

  #begin(name: string): void {
    this.#hasArguments = false;
    this.#parts.sink.beginCall(name);
  }

  #arguments(text: string): void {
    if (text !== "") this.#hasArguments = true;
    this.#parts.sink.callArguments(text);
  }

  #endCall(): void {
    if (!this.#hasArguments) this.#parts.sink.callArguments("{}");
    this.#parts.sink.endCall(true);
    this.#call = null;
    this.#raw = "";
    this.#state = "after";
  }

  /** What was begun is ended where it stands; what was not is text. */
  #giveUp(): void {
    const hasBegun = this.#state === "arguments" || (this.#call?.hasBegun ?? false);
    if (hasBegun) this.#parts.sink.endCall(false);
    else this.#parts.sink.text(this.#raw);
    this.#call = null;
    this.#raw = "";
    this.#state = "text";
  }
}

const nameLengthMax = 256;
