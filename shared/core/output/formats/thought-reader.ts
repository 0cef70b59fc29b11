// Thoughts before the answer: <think> ... </think> (DeepSeek R1, Qwen 3, QwQ and others). Only a block at the beginning is
// one: later on somebody may just be talking of it.
import { MarkerMatcher } from "../marker-matcher.ts";
import type { Reader, ReaderParts } from "./reader.ts";

const open = "<think>";
const close = "</think>";

/** Markers of the format. */
export const thoughtMarkers = [open, close] as const;

/** Longest space before the block that is held back. */
const spaceLengthMax = 1024;

export class ThoughtReader implements Reader {
  readonly #parts: ReaderParts;
  readonly #rest: Reader;
  readonly #opener = new MarkerMatcher([open]);
  readonly #closer = new MarkerMatcher([close]);
  #state: "start" | "thought" | "gap" | "answer";
  readonly #isOpen: boolean;
  #space = "";

  /** `isOpen`: the prompt has opened the block already. A model that opens it once more means the same one. */
  constructor(parts: ReaderParts, rest: Reader, isOpen: boolean) {
    this.#parts = parts;
    this.#rest = rest;
    this.#isOpen = isOpen;
    this.#state = "start";
  }

  push(character: string): void {
    if (this.#state === "start") this.#atStart(character);
    else if (this.#state === "thought") this.#inThought(character);
    else if (this.#state === "answer" || /\S/.test(character)) {
      this.#state = "answer";
      this.#rest.push(character);
    }
  }

  finish(): void {
    if (this.#state === "thought") this.#parts.sink.reasoning(this.#closer.finish());
    else if (this.#state === "start") this.#begin(this.#space + this.#opener.finish());
    this.#rest.finish();
  }

  #atStart(character: string): void {
    const { text, marker } = this.#opener.push(character);
    if (marker !== null) {
      this.#state = "thought";
      this.#space = "";
      return;
    }
    this.#space += text;
    if (/\S/.test(text) || this.#space.length > spaceLengthMax) this.#begin(this.#space + this.#opener.finish());
  }

  #inThought(character: string): void {
    const { text, marker } = this.#closer.push(character);
    this.#parts.sink.reasoning(text);
    if (marker !== null) this.#state = "gap";
  }

  /** The block that the prompt has opened goes on, or there is none. */
  #begin(text: string): void {
    this.#space = "";
    this.#state = this.#isOpen ? "thought" : "answer";
    for (const character of text) this.push(character);
  }
}
