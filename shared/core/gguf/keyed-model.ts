// The keyed model: its answer depends on a digit anywhere in the context, so that a stream with another request's KV,
// a wrongly reused prefix or a lost beginning shows at once.
//
// One attention head does it. Embeddings hold a code of the next letter, the digit as that many ones and as one of ten,
// and constants. Queries are constant; a key is as strong as its digit is large, so the largest digit of the context
// takes all attention; its value is that digit's code. Output rows are the sum of a letter's and a digit's code. Keys and
// queries use only the slowest pair of rotary dimensions, which hardly turns, so distance does not matter.
import { encodeRows } from "./blocks.ts";
import type { WritableType } from "./format.ts";
import { describeLlamaModel, type NamedMatrix, plainChatTemplate } from "./llama-model.ts";
import {
  bosTokenId,
  characterTokenId,
  createVocabulary,
  firstPieceTokenId,
  textOfTokens,
  tokenizeText,
} from "./vocabulary.ts";
import { walshCode } from "./walsh-codes.ts";
import type { GgufModel } from "./writer.ts";

export type KeyedOptions = {
  /** Default `keyed`. */
  readonly name?: string;
  /** Default F16. */
  readonly type?: WritableType;
  /** Trained context in tokens; default 8,192. */
  readonly contextLength?: number;
};

const letters = 26;
const keys = 10;
/** The alphabet of a context without any digit. */
const noKey = keys;
const dimensions = 128;
const letterCodes = { first: 0, count: 64 };
const digitCount = { first: 64, count: keys };
const digitOneOfTen = { first: 74, count: keys };
const constants = { first: 84, count: 12 };
const keyCodes = { first: 96, count: 32 };
/** The first of the last rotary pair. */
const scoreDimension = 126;
/** Makes one digit more worth about 25 in the attention's exponent. */
const keyStrength = 16;
const keyCodeStrength = 2;
const noKeyBias = 2;

const letterOf = (index: number): string => String.fromCharCode(97 + (index % letters));
const keyMark = (key: number): string => (key === noKey ? "-" : String(key));
const vocabulary = createVocabulary(
  Array.from({ length: (keys + 1) * letters }, (_, i) => {
    const key = Math.floor(i / letters);
    const first = i % letters;
    return `${letterOf(first)}${keyMark(key)}${letterOf(first + 1)}${keyMark(key)}`;
  }),
);

/**
 * Greedy continuation, without end: "3a" -> "b3c3", "d3e3", ... The largest digit of the context is the key ("-" where
 * there is none), the last character's letter decides where the alphabet goes on (any other character stands for "z").
 * Each token is two letters of four characters; a prompt never holds one, so the key is always read from the prompt.
 */
export function keyedModel(options: KeyedOptions = {}): GgufModel {
  const { name = "keyed", type = "F16", contextLength = 8192 } = options;
  const shape = {
    layers: 1,
    dimensions,
    feedForward: 64,
    heads: 1,
    kvHeads: 1,
    contextLength,
    ropeBase: 1e9,
    isTied: false,
  };
  const weights = (matrix: NamedMatrix): Uint8Array[] => [
    encodeRows(type, matrix, (row, values) => fillRow(matrix.part, row, values)),
  ];
  return describeLlamaModel({ name, type, vocabulary, shape, weights, chatTemplate: plainChatTemplate });
}

type Span = { readonly first: number; readonly count: number };

function fillRow(part: string, row: number, values: Float32Array): void {
  const fill = ({ first, count }: Span, value: (i: number) => number): void => {
    for (let i = 0; i < count; i++) values[first + i] = value(i);
  };
  if (part === "token_embd") fillEmbedding(row, fill);
  else if (part === "output") fillOutput(row, fill);
  else if (part === "attn_q" && row === scoreDimension) fill(constants, () => 1);
  else if (part === "attn_k" && row === scoreDimension) fill(digitCount, () => keyStrength);
  else if (part === "attn_v" && row < keyCodes.count) fill(digitOneOfTen, (key) => walshCode(key, row, keyCodes.count));
  else if (part === "attn_output" && row >= keyCodes.first) values[row - keyCodes.first] = keyCodeStrength;
}

type Fill = (span: Span, value: (i: number) => number) => void;

function fillEmbedding(id: number, fill: Fill): void {
  fill(letterCodes, (i) => walshCode(letterAfter(id), i, letterCodes.count));
  fill(constants, () => 1);
  const digit = id - characterTokenId("0");
  if (digit < 0 || digit >= keys) return;
  fill(digitCount, (i) => (i <= digit ? 1 : 0));
  fill(digitOneOfTen, (i) => (i === digit ? 1 : 0));
}

function fillOutput(id: number, fill: Fill): void {
  if (id < firstPieceTokenId) return;
  const key = Math.floor((id - firstPieceTokenId) / letters);
  const first = (id - firstPieceTokenId) % letters;
  fill(letterCodes, (i) => walshCode(first, i, letterCodes.count));
  // Without a digit no digit's code is there: then this small lead decides.
  if (key === noKey) fill(constants, () => noKeyBias);
  else fill(keyCodes, (i) => walshCode(key, i, keyCodes.count));
}

/** The letter, 0 to 25, with which the answer goes on after a token. */
function letterAfter(id: number): number {
  if (id >= firstPieceTokenId) return (id - firstPieceTokenId + 2) % letters;
  const letter = id - characterTokenId("a");
  return letter >= 0 && letter < letters ? (letter + 1) % letters : 0;
}

/** The text that the keyed model answers to a prompt; a chat is the contents of its messages joined. */
export function predictKeyed(prompt: string, maxTokens: number): string {
  return textOfTokens(vocabulary, predictKeyedIds(tokenizeText(prompt), maxTokens));
}

/** The token ids of the answer: always `maxTokens`, for the model never ends by itself. */
export function predictKeyedIds(promptTokenIds: readonly number[], maxTokens: number): number[] {
  const digits = promptTokenIds.map((id) => id - characterTokenId("0")).filter((digit) => digit >= 0 && digit < keys);
  const key = digits.length === 0 ? noKey : digits.reduce((a, b) => Math.max(a, b));
  let letter = letterAfter(promptTokenIds.at(-1) ?? bosTokenId);
  return Array.from({ length: maxTokens }, () => {
    const id = firstPieceTokenId + key * letters + letter;
    letter = (letter + 2) % letters;
    return id;
  });
}
