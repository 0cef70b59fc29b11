// DeepSeek V3 and R1: a block of calls with markers of full-width bars (the chat templates of deepseek-ai/DeepSeek-R1
// and DeepSeek-V3.1). R1 writes a type, a separator, the name and the arguments in a fenced block; V3.1 the name, the
// separator and the arguments.
import { MarkerMatcher } from "../marker-matcher.ts";
import { JsonValueEnd } from "./json-call.ts";
import type { Reader, ReaderParts } from "./reader.ts";

const blockBegin = "<\uff5ctool\u2581calls\u2581begin\uff5c>";
const blockEnd = "<\uff5ctool\u2581calls\u2581end\uff5c>";
const callBegin = "<\uff5ctool\u2581call\u2581begin\uff5c>";
const callEnd = "<\uff5ctool\u2581call\u2581end\uff5c>";
const separator = "<\uff5ctool\u2581sep\uff5c>";

/** Markers of the format. */
export const deepseekMarkers = [blockBegin, blockEnd, callBegin, callEnd, separator] as const;

/** Longest text that is held back around calls; what is longer is text. */
const heldLengthMax = 1024;

/** What stands before the arguments: "function<sep>NAME\n```json\n" (R1) or "NAME<sep>" (V3.1). */
const heads: readonly RegExp[] = [
  new RegExp(`^\\s*\\w*${separator}\\s*([\\w.-]+)\\s*(?:\`\`\`(?:json)?\\s*)?$`),
  new RegExp(`^\\s*([\\w.-]+)\\s*${separator}\\s*$`),
];

export class DeepseekReader implements Reader {
  readonly #parts: ReaderParts;
  readonly #markers = new MarkerMatcher(deepseekMarkers);
  #state: "text" | "block" | "head" | "arguments" | "tail" = "text";
  /** All that was read since the last text or call, markers included: what it is if no call follows. */
  #held = "";
  /** The part of it that is the head of a call. */
  #head = "";
  #valueEnd = new JsonValueEnd();

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  push(character: string): void {
    // Inside the arguments markers are text of the model's own.
    if (this.#state === "arguments") {
      this.#inArguments(character);
      return;
    }
    const { text, marker } = this.#markers.push(character);
    for (const part of text) this.#outside(part);
    if (marker !== null) this.#at(marker);
  }

  finish(): void {
    for (const part of this.#markers.finish()) this.#outside(part);
    if (this.#state === "arguments") this.#parts.sink.endCall(false);
    // After a call spaces and the end of its fence are nothing.
    else if (this.#state === "head" || /[^\s`]/.test(this.#held)) this.#notCall("");
  }

  #at(marker: string): void {
    const isInBlock = this.#state === "block" || this.#state === "tail";
    if (marker === callBegin && (isInBlock || this.#state === "text")) {
      this.#held += marker;
      this.#head = "";
      this.#state = "head";
    } else if (marker === separator && this.#state === "head") {
      this.#held += marker;
      this.#head += separator;
    } else if (marker === blockBegin) {
      this.#notCall("");
      this.#held = marker;
      this.#state = "block";
    } else if (isInBlock && !/[^\s`]/.test(this.#held)) {
      this.#held = "";
      this.#state = marker === blockEnd ? "text" : "block";
    } else {
      this.#notCall(marker);
    }
  }

  #outside(character: string): void {
    if (this.#state === "text") {
      this.#parts.sink.text(character);
      return;
    }
    if (this.#state === "head") {
      if (character === "{") {
        this.#beginArguments();
        return;
      }
      this.#head += character;
    }
    this.#held += character;
    const isBetween = this.#state === "head" || (this.#state === "tail" ? /[\s`]/ : /\s/).test(character);
    if (!isBetween || this.#held.length > heldLengthMax) this.#notCall("");
  }

  #beginArguments(): void {
    const name = heads.map((head) => head.exec(this.#head)?.[1]).find((text) => text !== undefined);
    if (name === undefined || !this.#parts.toolNames.has(name)) {
      this.#notCall("{");
      return;
    }
    this.#held = "";
    this.#parts.sink.beginCall(name);
    this.#valueEnd = new JsonValueEnd();
    this.#state = "arguments";
    this.#inArguments("{");
  }

  #notCall(rest: string): void {
    this.#parts.sink.text(this.#held + rest);
    this.#held = "";
    this.#state = "text";
  }

  #inArguments(character: string): void {
    const { isLast } = this.#valueEnd.push(character);
    this.#parts.sink.callArguments(character);
    if (!isLast) return;
    this.#parts.sink.endCall(true);
    this.#state = "tail";
  }
}
