// Harmony, the format of gpt-oss: messages with a channel each (openai/harmony, docs/format.md). "analysis" is thought,
// "final" is the answer, "commentary to=functions.NAME" is a call whose content is the arguments; the answer may also
// begin in the middle of a header that the prompt has opened.
import { MarkerMatcher } from "../marker-matcher.ts";
import { JsonValueEnd } from "./json-call.ts";
import type { Reader, ReaderParts } from "./reader.ts";

const start = "<|start|>";
const channel = "<|channel|>";
const constrain = "<|constrain|>";
const message = "<|message|>";
const ends = ["<|end|>", "<|call|>", "<|return|>"] as const;

/** Markers of the format. */
export const harmonyMarkers: readonly string[] = [start, channel, constrain, message, ...ends];

const headerLengthMax = 1024;

export class HarmonyReader implements Reader {
  readonly #parts: ReaderParts;
  readonly #markers = new MarkerMatcher(harmonyMarkers);
  #state: "header" | "text" | "reasoning" | "call" = "text";
  #header = "";
  #hasArguments = false;
  /** The marker that ends a call also ends the generation, and is then not part of the answer. */
  #valueEnd = new JsonValueEnd();
  #isWhole = false;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  push(character: string): void {
    const { text, marker } = this.#markers.push(character);
    this.#content(text);
    if (marker !== null) this.#at(marker);
  }

  finish(): void {
    this.#content(this.#markers.finish());
    if (this.#state === "header") this.#parts.sink.text(this.#header);
    this.#endMessage(this.#isWhole);
  }

  #at(marker: string): void {
    if (marker === message && this.#state === "header") this.#beginMessage();
    else if (ends.some((end) => end === marker)) this.#endMessage(true);
    else if (this.#state === "header") this.#header += marker;
    else {
      this.#endMessage(true);
      this.#state = "header";
      this.#header = marker;
    }
  }

  #content(text: string): void {
    if (text === "") return;
    if (this.#state === "header") this.#header += text;
    else if (this.#state === "call") this.#arguments(text);
    else if (this.#state === "reasoning") this.#parts.sink.reasoning(text);
    else this.#parts.sink.text(text);
    if (this.#state !== "header" || this.#header.length <= headerLengthMax) return;
    this.#parts.sink.text(this.#header);
    this.#state = "text";
  }

  #beginMessage(): void {
    const name = /to=(?:functions\.)?([\w.-]+)/.exec(this.#header)?.[1];
    if (name !== undefined && this.#parts.toolNames.has(name)) {
      this.#parts.sink.beginCall(name);
      this.#hasArguments = false;
      this.#valueEnd = new JsonValueEnd();
      this.#isWhole = false;
      this.#state = "call";
    } else {
      this.#state = this.#header.includes("final") ? "text" : "reasoning";
    }
    this.#header = "";
  }

  #arguments(text: string): void {
    this.#hasArguments = true;
    for (const character of text) if (this.#valueEnd.push(character).isLast) this.#isWhole = true;
    this.#parts.sink.callArguments(text);
  }

  #endMessage(isComplete: boolean): void {
    if (this.#state === "call") {
      if (isComplete && !this.#hasArguments) this.#parts.sink.callArguments("{}");
      this.#parts.sink.endCall(isComplete);
    }
    this.#state = "text";
  }
}
