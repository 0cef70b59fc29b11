// Thoughts before the answer, in tags. Only a block at the beginning is one: later on somebody may just be talking of it,
// but for tags that are tokens which nobody writes as a text. Space around the thoughts is part of the form and is left out, as
// llama.cpp's server, vLLM and DeepSeek's API do.
import { MarkerMatcher } from "../marker-matcher.ts";
import type { AnswerStart, Reader, ReaderParts } from "./reader.ts";

/** What stands before and after thoughts; no closing tag has its first character twice. */
export const thoughtTags = {
  /** DeepSeek R1, Qwen 3, QwQ, GLM, MiniMax and others. */
  think: ["<think>", "</think>"],
  /** Magistral and Ministral 3: mistral-common, tokenizer version 13. */
  mistral: ["[THINK]", "[/THINK]"],
  /** The chat template of ByteDance-Seed/Seed-OSS-36B-Instruct. */
  seed: ["<seed:think>", "</seed:think>"],
  /** Command R7B and Command A: their chat templates. */
  cohere: ["<|START_THINKING|>", "<|END_THINKING|>"],
  /** The chat template of google/gemma-4-31B-it. */
  gemma: ["<|channel>thought", "<channel|>"],
} as const satisfies Readonly<Record<string, readonly [open: string, close: string]>>;

/** Gemma 4 thinks between calls too, and leaves tags behind. */
const tagsAnywhere: ThoughtTags = "gemma";

export type ThoughtTags = keyof typeof thoughtTags;

/** Tokens of which tags are made; that of Gemma is followed by a word. */
export const thoughtMarkers: readonly string[] = [...Object.values(thoughtTags).flat(), "<|channel>"];

/** Longest space that is held back, before the block and in it: more of it in a block is part of the thoughts. */
const spaceLengthMax = 1024;

export type ThoughtOptions = {
  readonly tags: ThoughtTags;
  /** Where the prompt has opened the block already, a model that opens it once more means the same one. */
  readonly start: AnswerStart;
  /** Texts with which a call begins that ends the thoughts. */
  readonly callBeginnings: readonly string[];
};

export class ThoughtReader implements Reader {
  readonly #parts: ReaderParts;
  readonly #rest: Reader;
  readonly #opener: MarkerMatcher;
  readonly #closer: MarkerMatcher;
  /** Finds tags in the answer; null where they are none. */
  readonly #stray: MarkerMatcher | null;
  readonly #tags: readonly [open: string, close: string];
  #state: "start" | "before" | "thought" | "gap" | "answer";
  readonly #isOpen: boolean;
  /** Read and not handed on: nothing, if neither text nor a thought follows. */
  #space = "";

  constructor(parts: ReaderParts, rest: Reader, { tags, start, callBeginnings }: ThoughtOptions) {
    this.#tags = thoughtTags[tags];
    const [open, close] = this.#tags;
    this.#parts = parts;
    this.#rest = rest;
    this.#opener = new MarkerMatcher([open]);
    this.#closer = new MarkerMatcher([close, ...callBeginnings]);
    this.#stray = tags === tagsAnywhere ? new MarkerMatcher([open, close]) : null;
    this.#isOpen = start === "reasoning";
    this.#state = start === "text" ? "answer" : "start";
  }

  get isThinking(): boolean {
    return this.#state === "before" || this.#state === "thought" || this.#state === "gap";
  }

  push(character: string): void {
    if (this.#state === "start") this.#atStart(character);
    else if (this.#state === "before" || this.#state === "thought") this.#inBlock(character);
    else if (this.#state === "answer" || /\S/.test(character)) {
      this.#state = "answer";
      this.#inAnswer(character);
    }
  }

  #inAnswer(character: string): void {
    if (this.#stray === null) {
      this.#rest.push(character);
      return;
    }
    const { text, marker } = this.#stray.push(character);
    for (const part of text) this.#rest.push(part);
    if (marker === this.#tags[0]) this.#state = "before";
  }

  finish(): void {
    if (this.#state === "start") this.#begin(this.#space + this.#opener.finish());
    if (this.#state === "before" || this.#state === "thought") this.#think(this.#closer.finish());
    for (const character of this.#stray?.finish() ?? "") this.#rest.push(character);
    this.#rest.finish();
  }

  #atStart(character: string): void {
    const { text, marker } = this.#opener.push(character);
    if (marker !== null) {
      this.#state = "before";
      this.#space = "";
      return;
    }
    this.#space += text;
    if (/\S/.test(text) || this.#space.length > spaceLengthMax) this.#begin(this.#space + this.#opener.finish());
  }

  #inBlock(character: string): void {
    const { text, marker } = this.#closer.push(character);
    this.#think(text);
    if (marker === null) return;
    this.#state = "gap";
    this.#space = "";
    if (marker !== this.#tags[1]) for (const part of marker) this.push(part);
  }

  /** Space is a thought's only between two words of it. */
  #think(text: string): void {
    for (const character of text) {
      if (/\S/.test(character)) {
        this.#state = "thought";
        this.#parts.sink.reasoning(this.#space + character);
        this.#space = "";
      } else if (this.#state === "thought") this.#hold(character);
    }
  }

  #hold(space: string): void {
    this.#space += space;
    if (this.#space.length <= spaceLengthMax) return;
    this.#parts.sink.reasoning(this.#space);
    this.#space = "";
  }

  /** The block that the prompt has opened goes on, or there is none. */
  #begin(text: string): void {
    this.#space = "";
    this.#state = this.#isOpen ? "before" : "answer";
    for (const character of text) this.push(character);
  }
}
