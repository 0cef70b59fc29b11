// Models of realistic llama shapes with random weights: nonsense, but as much work and memory as a real one.
import { randomRows } from "./blocks.ts";
import type { WritableType } from "./format.ts";
import { describeLlamaModel, type LlamaShape, type NamedMatrix, plainChatTemplate } from "./llama-model.ts";
import { randomWords } from "./random-words.ts";
import { createVocabulary, eosTokenId, firstPieceTokenId } from "./vocabulary.ts";
import type { GgufModel } from "./writer.ts";

/** About so many parameters. */
export type RandomSize = "25m" | "135m" | "500m";

const context = { contextLength: 8192, ropeBase: 1e4 } as const;

/** 135m is the shape of SmolLM 135M; the others are shapes of the same kind. */
const shapes: Record<RandomSize, LlamaShape & { readonly vocabularySize: number }> = {
  "25m": {
    ...context,
    layers: 12,
    dimensions: 384,
    feedForward: 1024,
    heads: 6,
    kvHeads: 2,
    isTied: false,
    vocabularySize: 8192,
  },
  "135m": {
    ...context,
    layers: 30,
    dimensions: 576,
    feedForward: 1536,
    heads: 9,
    kvHeads: 3,
    isTied: true,
    vocabularySize: 49_152,
  },
  "500m": {
    ...context,
    layers: 28,
    dimensions: 1024,
    feedForward: 4096,
    heads: 16,
    kvHeads: 8,
    isTied: false,
    vocabularySize: 32_000,
  },
};

/**
 * The same seed gives the same file. Control tokens have output rows of zero, so greedy decoding does not end early;
 * its tokens are not stable under other batch shapes: use the counting and keyed models where exact answers matter.
 */
export function randomModel(size: RandomSize, type: WritableType, seed = 1): GgufModel {
  const { vocabularySize, ...shape } = shapes[size];
  const pieces = Array.from({ length: vocabularySize - firstPieceTokenId }, (_, i) => ` ${pieceName(i)}`);
  const weights = (matrix: NamedMatrix): Iterable<Uint8Array> => {
    const isVocabulary = matrix.part === "output" || matrix.part === "token_embd";
    const words = randomWords(seed + 1_000_003 * matrix.layer + partNumber(matrix.part));
    const standardDeviation = 1 / Math.sqrt(matrix.columns);
    return randomRows(
      type,
      { ...matrix, standardDeviation, isZeroRow: (row) => isVocabulary && row <= eosTokenId },
      words,
    );
  };
  const vocabulary = createVocabulary(pieces);
  return describeLlamaModel({
    name: `random-${size}`,
    type,
    vocabulary,
    shape,
    weights,
    chatTemplate: plainChatTemplate,
  });
}

/** Four letters that the number alone decides. */
export function pieceName(number: number): string {
  let rest = number;
  let name = "";
  for (let i = 0; i < 4; i++) {
    name += String.fromCharCode(97 + (rest % 26));
    rest = Math.floor(rest / 26);
  }
  return name;
}

/** Gives each matrix of a layer words of its own. */
function partNumber(part: string): number {
  return [...part].reduce((number, character) => (number * 31 + character.charCodeAt(0)) % 1_000_003, 7);
}
