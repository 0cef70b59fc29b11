// What single tokens mean. The engine's own detokenizer gives U+FFFD for a token that is part of a character.
import { outputMarkers } from "@pomona/shared/core/output/output-parser";
import type { LlamaModel, Token } from "node-llama-cpp";
import { byteLevelBytes } from "../../core/byte-level-bpe.ts";

/** llama.cpp's token types (llama.h, enum llama_token_type). */
const tokenTypes = { control: 3, userDefined: 4, byte: 6 } as const;

const encoder = new TextEncoder();
const nothing = new Uint8Array(0);
const breakerBytes: ReadonlySet<number> = new Set(encoder.encode('\n:"*'));

/** Reads the vocabulary of a model: `llama` (SentencePiece) and `gpt2` (byte-level BPE) exactly, others by the engine. */
export class Vocabulary {
  readonly #model: LlamaModel;
  readonly #pieces: readonly string[];
  readonly #types: readonly number[];
  readonly #kind: string;
  readonly #known = new Map<number, Uint8Array>();
  readonly #breakers = new Map<number, boolean>();

  constructor(model: LlamaModel) {
    const { tokens, token_type, model: kind } = model.fileInfo.metadata.tokenizer.ggml;
    this.#model = model;
    this.#pieces = tokens;
    this.#types = token_type;
    this.#kind = kind;
  }

  get size(): number {
    return this.#pieces.length;
  }

  /** Whether the token ends a generation. */
  isEnd(tokenId: number): boolean {
    return this.#model.isEogToken(tokenId as Token);
  }

  /** UTF-8; a character may be cut. Control tokens have no bytes, but for those that tell thoughts and calls from text. */
  bytesOf(tokenId: number): Uint8Array {
    const known = this.#known.get(tokenId);
    if (known !== undefined) return known;
    const bytes = this.#read(tokenId);
    this.#known.set(tokenId, bytes);
    return bytes;
  }

  /** As it is spelt in a prompt: control tokens too. */
  spellingOf(tokenId: number): Uint8Array {
    const piece = this.#pieces[tokenId];
    return piece !== undefined && this.#types[tokenId] === tokenTypes.control
      ? encoder.encode(piece)
      : this.bytesOf(tokenId);
  }

  /** Whether no repetition is counted over the token: llama.cpp's default breakers of the DRY penalty. */
  isSequenceBreaker(tokenId: number): boolean {
    const known = this.#breakers.get(tokenId);
    if (known !== undefined) return known;
    const isBreaker = this.bytesOf(tokenId).some((byte) => breakerBytes.has(byte));
    this.#breakers.set(tokenId, isBreaker);
    return isBreaker;
  }

  #read(token: number): Uint8Array {
    const piece = this.#pieces[token];
    const type = this.#types[token];
    if (piece === undefined) return nothing;
    if (type === tokenTypes.control) return outputMarkers.has(piece) ? encoder.encode(piece) : nothing;
    if (type === tokenTypes.byte) return Uint8Array.of(Number.parseInt(piece.slice(3, 5), 16));
    if (this.#kind === "llama") return encoder.encode(piece.replaceAll("\u2581", " "));
    if (this.#kind === "gpt2") return type === tokenTypes.userDefined ? encoder.encode(piece) : byteLevelBytes(piece);
    return encoder.encode(this.#model.detokenize([token as Token], false));
  }
}
