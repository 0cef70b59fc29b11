// Log-probabilities of prompts: wire format <-> packed values.
import type {
  PromptLogprobs__Output,
  PromptLogprobs as WirePromptLogprobs,
} from "@pomona/proto/generated/pomona/v1/PromptLogprobs";
import type { PromptLogprobs } from "../core/prompt-logprobs.ts";
import { fail } from "./wire-checks.ts";

const field = "prompt_logprobs";
/** The token and its alternatives. */
const rowLengthMax = 21;

export function promptLogprobsToWire(packed: PromptLogprobs): WirePromptLogprobs {
  const { firstIndex, rowLength, ids, logprobs, texts, textLengths } = packed;
  return {
    firstIndex,
    rowLength,
    ids: [...ids],
    logprobs: [...logprobs],
    texts: Buffer.from(texts.buffer, texts.byteOffset, texts.byteLength),
    textLengths: [...textLengths],
  };
}

/** Counts the tokens of a prompt that came: after a lost connection they come again, maybe in other pieces. */
export class PromptReached {
  #tokens = 0;

  /** Whether any of them has not come before. */
  isNew({ firstIndex, rowLength, ids }: PromptLogprobs__Output): boolean {
    const end = firstIndex + ids.length / Math.max(1, rowLength);
    const isNew = end > this.#tokens;
    this.#tokens = Math.max(end, this.#tokens);
    return isNew;
  }
}

/** Copies: a view would keep the whole message. @throws PomonaError `invalid_request`. */
export function promptLogprobsFromWire(wire: PromptLogprobs__Output): PromptLogprobs {
  const { firstIndex, rowLength } = wire;
  if (rowLength < 1 || rowLength > rowLengthMax || wire.ids.length % rowLength !== 0)
    fail(`${field}.row_length`, `is ${rowLength} for ${wire.ids.length} entries`);
  for (const [name, { length }] of [
    ["logprobs", wire.logprobs],
    ["text_lengths", wire.textLengths],
  ] as const) {
    if (length !== wire.ids.length) fail(`${field}.${name}`, `has ${length} entries for ${wire.ids.length} ids`);
  }
  const bytes = wire.textLengths.reduce((sum, length) => sum + length, 0);
  if (bytes !== wire.texts.length) fail(`${field}.texts`, `has ${wire.texts.length} bytes, not ${bytes}`);
  return {
    firstIndex,
    rowLength,
    ids: Uint32Array.from(wire.ids),
    logprobs: Float64Array.from(wire.logprobs),
    texts: new Uint8Array(wire.texts),
    textLengths: Uint32Array.from(wire.textLengths),
  };
}
