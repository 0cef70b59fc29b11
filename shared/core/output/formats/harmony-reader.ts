// Harmony, the format of gpt-oss: messages with a channel each (openai/harmony, docs/format.md). "analysis" is thought,
// "final" is the answer, "commentary to=functions.NAME" is a call whose content is the arguments, "commentary" without a
// recipient is a preamble and meant for the user; the recipient may also stand before the channel. The answer may also
// begin in the middle of a header that the prompt has opened.
import { MarkerMatcher } from "../marker-matcher.ts";
import { JsonValueEnd } from "./json-call.ts";
import type { AnswerStart, Reader, ReaderParts } from "./reader.ts";

const start = "<|start|>";
const channel = "<|channel|>";
const constrain = "<|constrain|>";
const message = "<|message|>";
const ends = ["<|end|>", "<|call|>", "<|return|>"] as const;

/** Markers of the format. */
export const harmonyMarkers = [start, channel, constrain, message, ...ends] as const;

const headerLengthMax = 1024;

export class HarmonyReader implements Reader {
  readonly #parts: ReaderParts;
  readonly #markers = new MarkerMatcher(harmonyMarkers);
  /** At the start the answer may go on with the header that the prompt has opened: " to=functions.NAME". */
  #state: "start" | "header" | "text" | "reasoning" | "call";
  #header = "";
  #hasArguments = false;
  /** The marker that ends a call also ends the generation, and is then not part of the answer. */
  #valueEnd = new JsonValueEnd();
  #isWhole = false;

  constructor(parts: ReaderParts, start: AnswerStart) {
    this.#parts = parts;
    this.#state = start;
  }

  get isThinking(): boolean {
    return this.#state === "reasoning";
  }

  push(character: string): void {
    const { text, marker } = this.#markers.push(character);
    this.#content(text);
    if (marker !== null) this.#at(marker);
  }

  finish(): void {
    this.#content(this.#markers.finish());
    if (this.#state === "header" || this.#state === "start") this.#parts.sink.text(this.#header);
    this.#endMessage(this.#isWhole);
  }

  #at(marker: string): void {
    const isEnd = ends.some((end) => end === marker);
    const goesOn = this.#header.trim() !== "" || marker === channel;
    if (this.#state === "start") this.#state = goesOn ? "header" : "text";
    if (this.#state === "header") {
      if (marker === message) this.#beginMessage();
      else if (isEnd || marker === start) this.#notHeader(marker);
      else this.#header += marker;
    } else if (this.#state === "call" && this.#valueEnd.isInString && marker !== "<|call|>") {
      this.#content(marker);
    } else if (isEnd) {
      this.#endMessage(true);
    } else if (marker === constrain) {
      this.#content(marker);
    } else {
      // A message that begins without the end of the one before it.
      this.#endMessage(this.#isWhole);
      this.#state = "header";
      this.#header = marker === message ? "" : marker;
      if (marker === message) this.#beginMessage();
    }
  }

  #content(text: string): void {
    if (text === "") return;
    if (this.#state === "start") this.#atStart(text);
    else if (this.#state === "header") this.#header += text;
    else if (this.#state === "call") this.#arguments(text);
    else if (this.#state === "reasoning") this.#parts.sink.reasoning(text);
    else this.#parts.sink.text(text);
    if (this.#state === "header" && this.#header.length > headerLengthMax) this.#notHeader("");
  }

  #atStart(text: string): void {
    this.#header += text;
    const isRecipient = "to=".startsWith(this.#header.trimStart().slice(0, 3));
    if (isRecipient && this.#header.length <= headerLengthMax) return;
    this.#notHeader("");
  }

  /** What was read as a header is text, unless the marker begins the next one. */
  #notHeader(marker: string): void {
    const isHeader = marker === start;
    this.#parts.sink.text(isHeader ? this.#header : this.#header + marker);
    this.#header = isHeader ? marker : "";
    this.#state = isHeader ? "header" : "text";
  }

  #beginMessage(): void {
    const name = /to=(?:functions\.)?([\w.-]+)/.exec(this.#header)?.[1];
    const isCall = name !== undefined && (name !== "assistant" || this.#parts.toolNames.has(name));
    if (isCall && this.#parts.toolNames.has(name)) {
      this.#parts.sink.beginCall(name);
      this.#hasArguments = false;
      this.#valueEnd = new JsonValueEnd();
      this.#isWhole = false;
      this.#state = "call";
    } else if (isCall) {
      // A call of no tool that there is.
      this.#parts.sink.text(this.#header + message);
      this.#state = "text";
    } else {
      this.#state = /<\|channel\|>\s*analysis/.test(this.#header) ? "reasoning" : "text";
    }
    this.#header = "";
  }

  #arguments(text: string): void {
    for (const [index, character] of [...text].entries()) {
      if (!this.#hasArguments && /\s/.test(character)) continue;
      if (!this.#isWhole) {
        this.#hasArguments = true;
        this.#parts.sink.callArguments(character);
        this.#isWhole = this.#valueEnd.push(character).isLast;
      } else if (/\S/.test(character)) {
        // Whole arguments end with themselves: what follows is no part of them.
        this.#endMessage(true);
        this.#parts.sink.text([...text].slice(index).join(""));
        return;
      }
    }
  }

  #endMessage(isComplete: boolean): void {
    if (this.#state === "call") {
      if (isComplete && !this.#hasArguments) this.#parts.sink.callArguments("{}");
      this.#parts.sink.endCall(isComplete);
    }
    this.#state = "text";
  }
}
