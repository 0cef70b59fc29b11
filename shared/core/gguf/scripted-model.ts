// The scripted model: the last token of the prompt decides a whole reply, word by word.
import type { WritableType } from "./format.ts";
import { describeTableModel } from "./table-model.ts";
import { characterTokenId, createVocabulary, eosTokenId, firstPieceTokenId } from "./vocabulary.ts";
import type { GgufModel } from "./writer.ts";

export type ScriptedOptions = {
  readonly name: string;
  /** What is said after every last token that has no reply of its own. */
  readonly reply: string;
  /** Replies by the last printable ASCII character of the prompt. */
  readonly replies?: Readonly<Record<string, string>>;
  /** Default F16. */
  readonly type?: WritableType;
  /** Trained context in tokens; default 8,192. */
  readonly contextLength?: number;
  /** Jinja; the plain contents of all messages where it is absent. A template that ends in a fixed character picks the
   * reply of that character for every chat. */
  readonly chatTemplate?: string;
  /** The file says that inputs may become vectors. */
  readonly isPooled?: boolean;
  /** Texts of control tokens, such as those around a gap: the reply to each is that without a last character. */
  readonly controls?: readonly string[];
  /** The control token behind every reply; by default that which ends any text. */
  readonly end?: string;
  /** Control tokens that the header names, by the rest of the key after `tokenizer.ggml.`. */
  readonly namedControls?: Readonly<Record<string, string>>;
};

/** @throws Error when a reply is shorter than three characters or repeats itself so much that no split is unique. */
export function scriptedModel(options: ScriptedOptions): GgufModel {
  const { name, reply, replies = {}, type = "F16", contextLength = 8192, chatTemplate, isPooled = false } = options;
  const { controls = [], end, namedControls = {} } = options;
  const used = new Set<string>();
  const main = splitReply(reply, used);
  const others = Object.entries(replies).map(([character, text]) => ({ character, pieces: splitReply(text, used) }));
  const vocabulary = createVocabulary([...main, ...others.flatMap(({ pieces }) => pieces)], controls);
  const idOf = (control: string): number => vocabulary.findIndex(({ text }) => text === control);
  const endId = end === undefined ? eosTokenId : idOf(end);
  const next = vocabulary.map(() => firstPieceTokenId);
  let first = chain(next, { first: firstPieceTokenId, count: main.length, endId });
  for (const { character, pieces } of others) {
    next[characterTokenId(character)] = first;
    first = chain(next, { first, count: pieces.length, endId });
  }
  const template = chatTemplate === undefined ? {} : { chatTemplate };
  const model = describeTableModel({ name, type, contextLength, vocabulary, next, isPooled, ...template });
  const named = Object.entries(namedControls).map(
    ([key, control]) => [`tokenizer.ggml.${key}`, { kind: "uint32", value: idOf(control) }] as const,
  );
  return { ...model, metadata: new Map([...model.metadata, ...named]) };
}

type Chain = { readonly first: number; readonly count: number; readonly endId: number };

/** Lets `count` ids from `first` follow each other, the last one by the end; returns the id after them. */
function chain(next: number[], { first, count, endId }: Chain): number {
  for (let i = 0; i < count; i++) next[first + i] = i + 1 < count ? first + i + 1 : endId;
  return first + count;
}

/**
 * Splits a text into pieces of at least three characters that are nowhere equal, words where possible, each with the
 * space before it. `used` holds the pieces of earlier replies and gets the new ones.
 */
export function splitReply(text: string, used: Set<string>): string[] {
  const characters = [...text];
  const pieces: string[] = [];
  for (let start = 0; start < characters.length; ) {
    const end = pieceEnd(characters, start, used);
    let piece = characters.slice(start, end).join("");
    // At the end of the text there is nothing to lengthen a piece with but the one before it.
    while (used.has(piece) && pieces.length > 0) {
      const previous = pieces.pop() ?? "";
      used.delete(previous);
      piece = previous + piece;
    }
    if ([...piece].length < 3 || used.has(piece)) throw new Error(`the reply cannot be split uniquely at "${piece}"`);
    used.add(piece);
    pieces.push(piece);
    start = end;
  }
  return pieces;
}

function pieceEnd(characters: readonly string[], start: number, used: ReadonlySet<string>): number {
  let end = start + 3;
  while (end < characters.length && characters[end] !== " " && characters[end] !== "\n") end++;
  while (end < characters.length && (characters.length - end < 3 || used.has(characters.slice(start, end).join("")))) {
    end++;
  }
  return Math.min(end, characters.length);
}
