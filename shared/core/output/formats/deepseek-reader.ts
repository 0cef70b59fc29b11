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

const headLengthMax = 1024;

export class DeepseekReader implements Reader {
  readonly #parts: ReaderParts;
  readonly #markers = new MarkerMatcher(deepseekMarkers);
  #state: "text" | "block" | "head" | "arguments" | "tail" = "text";
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
    const held = this.#markers.finish();
    if (this.#state === "arguments") this.#parts.sink.endCall(false);
    else if (this.#state === "head") this.#parts.sink.text(callBegin + this.#head + held);
    else if (this.#state === "text") this.#parts.sink.text(held);
  }

  #at(marker: string): void {
    if (marker === callBegin) {
      this.#head = "";
      this.#state = "head";
    } else if (marker === separator && this.#state === "head") {
      this.#head += separator;
    } else if (marker === blockBegin) {
      this.#state = "block";
    } else if (marker === blockEnd) {
      this.#state = "text";
    } else if (this.#state === "text") {
      this.#parts.sink.text(marker);
    } else if (this.#state === "head") {
      this.#notCall(marker);
    }
  }

  #outside(character: string): void {
    if (this.#state === "text") this.#parts.sink.text(character);
    if (this.#state !== "head") return;
    if (character === "{") this.#beginArguments();
    else this.#head += character;
    if (this.#head.length > headLengthMax) this.#notCall("");
  }

  /** "function<sep>NAME\n```json\n" or "NAME<sep>". */
  #beginArguments(): void {
    const [before = "", after = ""] = this.#head.split(separator);
    const name = [after.split("\n", 1)[0]?.trim() ?? "", before.trim()].find((text) => this.#parts.toolNames.has(text));
    if (name === undefined) {
      this.#notCall("{");
      return;
    }
    this.#parts.sink.beginCall(name);
    this.#valueEnd = new JsonValueEnd();
    this.#state = "arguments";
    this.#inArguments("{");
  }

  #notCall(rest: string): void {
    this.#parts.sink.text(callBegin + this.#head + rest);
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
