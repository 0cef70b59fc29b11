// `logprobs` of /v1/completions: four lists, side by side. Those of a prompt may be long, and are written piece by piece.
import { isUtf8 } from "node:buffer";
import type { TokenLogprobs } from "@pomona/shared/core/generation";
import { type PromptLogprobs, promptBytes, unpackPrompt } from "@pomona/shared/core/prompt-logprobs";
import type { LoggedToken } from "../../core/generation-request.ts";
import { finite, textOf } from "./answer.ts";

/** Of the prompt or the answer; the first one of a prompt has no log-probabilities. */
export type ShownToken = { readonly text: Uint8Array; readonly logprobs: TokenLogprobs | null };

/** Where each token begins in a text, in characters; one that goes on with a character begins where that does. */
export class TextOffsets {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #next: number;

  constructor(before: string) {
    this.#next = lengthOf(before);
  }

  push(token: Uint8Array): number {
    const offset = Math.max(0, this.#next);
    this.skip(this.#decoder.decode(token, { stream: true }));
    return offset;
  }

  /** Goes past a text that is there before the next token. */
  skip(text: string): void {
    this.#next += lengthOf(text);
  }
}

/**
 * Where the tokens of a prompt begin in its text. Some tokenizers put a space before it, and behind special tokens, which is
 * none of it.
 */
export class PromptOffsets {
  readonly #sent: Buffer | null;
  readonly #offsets = new TextOffsets("");
  /** In bytes. */
  #place = 0;

  /** `text` is the prompt as it was sent; null where the text is that of the tokens. */
  constructor(text: string | null) {
    this.#sent = text === null ? null : Buffer.from(text);
  }

  push(token: Uint8Array): number {
    const own = this.#isSpaceAdded(token) ? token.subarray(1) : token;
    this.#place += own.length;
    return this.#offsets.push(own);
  }

  /** Whether the text goes on with a token, maybe behind a space that is none of it. */
  isNext(token: Uint8Array): boolean {
    return this.#goesOnWith(token) || this.#isSpaceAdded(token);
  }

  #isSpaceAdded(token: Uint8Array): boolean {
    return token[0] === space && !this.#goesOnWith(token) && this.#goesOnWith(token.subarray(1));
  }

  #goesOnWith(token: Uint8Array): boolean {
    return this.#sent?.subarray(this.#place, this.#place + token.length).equals(token) ?? true;
  }
}

const space = 0x20;

function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

/** Each list with what it holds of a token. */
function columns(offsetOf: (token: ShownToken) => number): Readonly<Record<string, (token: ShownToken) => unknown>> {
  return {
    tokens: ({ text }) => nameOf(text),
    token_logprobs: ({ logprobs }) => (logprobs === null ? null : finite(logprobs.logprob)),
    top_logprobs: topOf,
    text_offset: offsetOf,
  };
}

export function completionLogprobs(tokens: readonly ShownToken[], offsets: TextOffsets | PromptOffsets): object {
  const lists = Object.entries(columns(({ text }) => offsets.push(text)));
  return Object.fromEntries(lists.map(([name, of]) => [name, tokens.map(of)]));
}

const tokensOfPiece = 64;

export type Logged = { readonly prompt: readonly PromptLogprobs[]; readonly tokens: readonly LoggedToken[] };

/** The same as JSON. `prompt` is its text as it was sent; null where that is the text of its tokens. */
export function* completionLogprobsJson(logged: Logged, prompt: string | null): Generator<string, void, void> {
  const promptText = prompt ?? textOfPrompt(logged.prompt);
  const [inPrompt, inAnswer] = [new PromptOffsets(prompt), new TextOffsets(promptText)];
  let isPrompt = true;
  const lists = columns(({ text }) => (isPrompt ? inPrompt : inAnswer).push(text));
  let separator = "{";
  for (const [name, of] of Object.entries(lists)) {
    let piece = `${separator}${JSON.stringify(name)}:[`;
    let count = 0;
    isPrompt = true;
    for (const token of shownTokens(logged, prompt, () => {
      isPrompt = false;
    })) {
      piece += `${count === 0 ? "" : ","}${JSON.stringify(of(token))}`;
      count += 1;
      if (count % tokensOfPiece !== 0) continue;
      yield piece;
      piece = "";
    }
    yield `${piece}]`;
    separator = ",";
  }
  yield "}";
}

function* shownTokens({ prompt, tokens }: Logged, sent: string | null, onAnswer: () => void) {
  for (const packed of prompt) yield* shownPrompt(packed, sent);
  onAnswer();
  for (const token of tokens) yield shownToken(token);
}

/** Of a prompt as it was sent; null where its text is that of the tokens. */
export function* shownPrompt(packed: PromptLogprobs, sent: string | null): Generator<ShownToken, void, void> {
  let isFirst = packed.firstIndex === 0;
  for (const token of unpackPrompt(packed)) {
    // What a tokenizer puts before a document is none of its text, unless the document begins with it itself.
    yield isFirst && !new PromptOffsets(sent).isNext(token.text) ? { ...token, text: new Uint8Array(0) } : token;
    isFirst = false;
  }
}

export function shownToken({ text, ...logprobs }: LoggedToken): ShownToken {
  return { text, logprobs };
}

/** What the tokens of a prompt say. */
export function textOfPrompt(prompt: readonly PromptLogprobs[]): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(promptBytes(prompt));
}

/** The token itself is always among them; of several that are written alike the likeliest counts. */
function topOf({ text, logprobs }: ShownToken): object | null {
  if (logprobs === null) return null;
  const named = new Map<string, number>();
  for (const each of [...logprobs.top, { text, logprob: logprobs.logprob }]) {
    const name = nameOf(each.text);
    named.set(name, Math.max(named.get(name) ?? Number.NEGATIVE_INFINITY, finite(each.logprob)));
  }
  return Object.fromEntries(named);
}

/** As OpenAI names tokens that are parts of characters, of which a replacement character would make one and the same. */
function nameOf(token: Uint8Array): string {
  if (isUtf8(token)) return textOf(token);
  return `bytes:${[...token].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}`;
}
