// The branching model: each token has four likely successors with exactly known logits, so that seeds, penalties, filters
// and grammars matter. Attention and feed-forward weights are zero; the embedding of a token is a code of its own plus a
// constant, and the output row of a token sums the codes of all its predecessors, each times the logit wanted.
import { encodeRows } from "./blocks.ts";
import { describeLlamaModel, type NamedMatrix, plainChatTemplate } from "./llama-model.ts";
import { characterTokenId, createVocabulary, eosTokenId } from "./vocabulary.ts";
import { walshCode } from "./walsh-codes.ts";
import type { GgufModel, WritableTensor, WritableValue } from "./writer.ts";

export type BranchingOptions = {
  /** Default `branching`. */
  readonly name?: string;
  /** Trained context in tokens; default 8,192. */
  readonly contextLength?: number;
};

const vocabulary = createVocabulary([]);
const dimensions = 128;
const firstCharacterId = characterTokenId(" ");
const characters = 95;
/** A code that no character has. */
const constantCode = characters;
/** Where the four successors of a character are, and how much likelier each is than the last. */
const steps = [1, 7, 13, 31] as const;
const leads = [1.5, 1, 0.5, 0] as const;
/** How far successors are above all others. */
const successorLogit = 20;
/** All others are told apart by this much an id, so that what a grammar forces has no ties. */
const rankLogit = 1 / 64;
/** RMS normalisation divides the sum of two orthogonal codes by the square root of 2. */
const normalized = Math.SQRT1_2;

/** Always F32: its logits are those of `branchingLogits` but for the last digits. */
export function branchingModel(options: BranchingOptions = {}): GgufModel {
  const { name = "branching", contextLength = 8192 } = options;
  const shape = {
    layers: 1,
    dimensions,
    feedForward: 64,
    heads: 2,
    kvHeads: 1,
    contextLength,
    ropeBase: 1e4,
    isTied: false,
  };
  const weights = (matrix: NamedMatrix): Uint8Array[] => [
    encodeRows("F32", matrix, (row, values) => {
      if (matrix.part === "token_embd") fillEmbedding(row, values);
      else if (matrix.part === "output") fillOutput(row, values);
    }),
  ];
  return describeLlamaModel({ name, type: "F32", vocabulary, shape, weights, chatTemplate: plainChatTemplate });
}

/** The logits after a context that ends with `lastTokenId`, one for each id of the vocabulary. */
export function branchingLogits(lastTokenId: number): number[] {
  const leadOf = successorsOf(characterOf(lastTokenId));
  return vocabulary.map((_, id) => {
    const lead = leadOf.get(id);
    return lead === undefined ? id * rankLogit : successorLogit + lead;
  });
}

/** A token that is no printable character counts as a space. */
function characterOf(id: number): number {
  const character = id - firstCharacterId;
  return character >= 0 && character < characters ? character : 0;
}

/** "~" may also end the answer. */
function successorsOf(character: number): ReadonlyMap<number, number> {
  const successors = steps.map((step, i): [number, number] => {
    const id = firstCharacterId + ((character + step) % characters);
    return [id, leads[(i + character) % leads.length] ?? 0];
  });
  const [first] = successors;
  if (character === characters - 1 && first !== undefined) first[0] = eosTokenId;
  return new Map(successors);
}

function fillEmbedding(id: number, values: Float32Array): void {
  const character = characterOf(id);
  for (let i = 0; i < dimensions; i++)
    values[i] = walshCode(character, i, dimensions) + walshCode(constantCode, i, dimensions);
}

function fillOutput(id: number, values: Float32Array): void {
  const scale = 1 / (dimensions * normalized);
  const add = (code: number, logit: number): void => {
    for (let i = 0; i < dimensions; i++) values[i] = (values[i] ?? 0) + logit * scale * walshCode(code, i, dimensions);
  };
  add(constantCode, id * rankLogit);
  for (let character = 0; character < characters; character++) {
    const lead = successorsOf(character).get(id);
    if (lead !== undefined) add(character, successorLogit + lead - id * rankLogit);
  }
}

/**
 * A LoRA adapter for the branching model: it adds `lead` to the logit of one token, whatever came before; the scale of
 * its use multiplies it.
 */
export function branchingAdapter(tokenId: number, lead: number): GgufModel {
  const tensor = (
    name: string,
    sizes: readonly [number, number],
    fill: (values: Float32Array) => void,
  ): WritableTensor => ({
    name: `output.weight.${name}`,
    dimensions: sizes,
    type: "F32",
    data: () => [encodeRows("F32", { rows: 1, columns: sizes[0] * sizes[1] }, (_row, values) => fill(values))],
  });
  return {
    metadata: new Map<string, WritableValue>([
      ["general.architecture", { kind: "string", value: "llama" }],
      ["general.type", { kind: "string", value: "adapter" }],
      ["adapter.type", { kind: "string", value: "lora" }],
      ["adapter.lora.alpha", { kind: "float32", value: 1 }],
    ]),
    tensors: [
      // The product of this row with every embedding is 1.
      tensor("lora_a", [dimensions, 1], (values) => {
        for (let i = 0; i < dimensions; i++)
          values[i] = walshCode(constantCode, i, dimensions) / (dimensions * normalized);
      }),
      tensor("lora_b", [1, vocabulary.length], (values) => {
        values[tokenId] = lead;
      }),
    ],
  };
}
