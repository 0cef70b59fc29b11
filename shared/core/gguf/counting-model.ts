// The counting model: each printable character is followed by the next one. Every stream can be checked alone.
import type { WritableType } from "./format.ts";
import { describeTableModel, followTable } from "./table-model.ts";
import {
  bosTokenId,
  byteTokenId,
  characterTokenId,
  createVocabulary,
  eosTokenId,
  textOfTokens,
  tokenizeText,
} from "./vocabulary.ts";
import type { GgufModel } from "./writer.ts";

/** `ending` stops after "~"; `cycle` goes on with é, 🙂 and "a" for ever. */
export type CountingVariant = "ending" | "cycle";

export type CountingOptions = {
  /** Default `counting`. */
  readonly name?: string;
  /** Default F16. */
  readonly type?: WritableType;
  /** Default `ending`. */
  readonly variant?: CountingVariant;
  /** Trained context in tokens; default 8,192. */
  readonly contextLength?: number;
};

const vocabulary = createVocabulary([]);
/** é, then 🙂, byte by byte. */
const byteStream = tokenizeText("\u00e9\u{1f642}");

/**
 * Greedy continuation: "a" -> "b" ... "~" -> end. A byte of é leads on through é and 🙂 to "a", so the prompt "é"
 * streams "🙂abc...". All else, an empty prompt included, continues with "a".
 */
export function countingModel(options: CountingOptions = {}): GgufModel {
  const { name = "counting", type = "F16", variant = "ending", contextLength = 8192 } = options;
  return describeTableModel({ name, type, contextLength, vocabulary, next: countingTable(variant) });
}

function countingTable(variant: CountingVariant): number[] {
  const a = characterTokenId("a");
  const next = vocabulary.map(() => a);
  for (let id = characterTokenId(" "); id < characterTokenId("~"); id++) next[id] = id + 1;
  byteStream.forEach((id, i) => {
    next[id] = byteStream[i + 1] ?? a;
  });
  next[characterTokenId("~")] = variant === "cycle" ? (byteStream[0] ?? byteTokenId(0)) : eosTokenId;
  return next;
}

/** The text that the counting model answers to a prompt; a chat is the contents of its messages joined. */
export function predictCounting(prompt: string, maxTokens: number, variant: CountingVariant = "ending"): string {
  return textOfTokens(vocabulary, predictCountingIds(tokenizeText(prompt), maxTokens, variant));
}

/** The token ids of the answer, the end token left out; fewer than `maxTokens` when the model ends by itself. */
export function predictCountingIds(
  promptTokenIds: readonly number[],
  maxTokens: number,
  variant: CountingVariant = "ending",
): number[] {
  const limits = { maxTokens, endTokenId: eosTokenId };
  return followTable(countingTable(variant), promptTokenIds.at(-1) ?? bosTokenId, limits);
}
