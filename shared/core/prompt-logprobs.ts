// What a model makes of the tokens of a prompt, packed: a long one with alternatives has a million entries.
import { assert } from "./assert.ts";
import type { TokenLogprobs } from "./generation.ts";

/**
 * Consecutive tokens of a prompt. Of each there is a row: the token itself, then the alternatives in its place, most likely
 * first. About 24 bytes an entry.
 */
export type PromptLogprobs = {
  /** Place of the first token in the prompt. */
  readonly firstIndex: number;
  /** Entries of a row; at least 1. */
  readonly rowLength: number;
  readonly ids: Uint32Array;
  /** Natural logarithms; NaN where there is none, which is all of the first token's row. */
  readonly logprobs: Float64Array;
  /** UTF-8 bytes of all entries, one after another. */
  readonly texts: Uint8Array;
  /** How many of them each entry has. */
  readonly textLengths: Uint32Array;
};

/** A token of a prompt; null log-probabilities are those of the first one, which follows nothing. */
export type PromptToken = {
  readonly id: number;
  readonly text: Uint8Array;
  readonly logprobs: TokenLogprobs | null;
};

export function packPrompt(firstIndex: number, topCount: number, tokens: readonly PromptToken[]): PromptLogprobs {
  const rowLength = 1 + topCount;
  const ids = new Uint32Array(tokens.length * rowLength);
  const logprobs = new Float64Array(ids.length).fill(Number.NaN);
  const textLengths = new Uint32Array(ids.length);
  const texts: Uint8Array[] = [];
  for (const [row, token] of tokens.entries()) {
    const top = (token.logprobs?.top ?? []).slice(0, topCount);
    const own = { id: token.id, text: token.text, logprob: token.logprobs?.logprob ?? Number.NaN };
    for (const [place, { id, text, logprob }] of [own, ...top].entries()) {
      const entry = row * rowLength + place;
      ids[entry] = id;
      logprobs[entry] = logprob;
      textLengths[entry] = text.length;
      texts.push(text);
    }
  }
  return { firstIndex, rowLength, ids, logprobs, texts: joined(texts), textLengths };
}

/** How many tokens they are. */
export function promptRows({ ids, rowLength }: PromptLogprobs): number {
  return ids.length / rowLength;
}

/** The tokens before a place in the prompt, and those from it on; null where there are none. */
export function splitPrompt(
  packed: PromptLogprobs,
  index: number,
): readonly [before: PromptLogprobs | null, from: PromptLogprobs | null] {
  const { firstIndex, rowLength, ids, logprobs, texts, textLengths } = packed;
  if (index <= firstIndex) return [null, packed];
  if (index >= firstIndex + promptRows(packed)) return [packed, null];
  const entry = (index - firstIndex) * rowLength;
  const textEnd = textLengths.subarray(0, entry).reduce((sum, length) => sum + length, 0);
  const part = (first: number, entries: readonly [number, number?], bytes: readonly [number, number?]) => ({
    firstIndex: first,
    rowLength,
    ids: ids.subarray(...entries),
    logprobs: logprobs.subarray(...entries),
    texts: texts.subarray(...bytes),
    textLengths: textLengths.subarray(...entries),
  });
  return [part(firstIndex, [0, entry], [0, textEnd]), part(index, [entry], [textEnd])];
}

/** The bytes of the tokens themselves, one after another. */
export function promptBytes(pieces: readonly PromptLogprobs[]): Uint8Array {
  return joined(pieces.flatMap(ownBytes));
}

function ownBytes({ rowLength, texts, textLengths }: PromptLogprobs): Uint8Array {
  const own = new Uint8Array(texts.length);
  let [from, to] = [0, 0];
  for (const [entry, length] of textLengths.entries()) {
    if (entry % rowLength === 0) {
      own.set(texts.subarray(from, from + length), to);
      to += length;
    }
    from += length;
  }
  return own.subarray(0, to);
}

/** One after another; texts are views. */
export function* unpackPrompt(packed: PromptLogprobs): Generator<PromptToken, void, void> {
  const { rowLength, ids, logprobs, texts, textLengths } = packed;
  assert(rowLength >= 1, "a row holds its token");
  let textStart = 0;
  const entryAt = (entry: number) => {
    const text = texts.subarray(textStart, textStart + (textLengths[entry] ?? 0));
    textStart += text.length;
    return { id: ids[entry] ?? 0, text, logprob: logprobs[entry] ?? Number.NaN };
  };
  for (let entry = 0; entry < ids.length; entry += rowLength) {
    const { id, text, logprob } = entryAt(entry);
    const top = Array.from({ length: rowLength - 1 }, (_, place) => entryAt(entry + 1 + place));
    const known = top.filter((each) => !Number.isNaN(each.logprob));
    yield { id, text, logprobs: Number.isNaN(logprob) ? null : { logprob, top: known } };
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let start = 0;
  for (const part of parts) {
    bytes.set(part, start);
    start += part.length;
  }
  return bytes;
}
