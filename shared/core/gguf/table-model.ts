// A model whose next token is a table of its last one: attention and feed-forward weights are zero, the embedding of a
// token is a code of the token that follows it, and the output row of a token is its own code. Every logit but the right
// one is at least as many below it as the model has dimensions, in each tensor type, so sampling changes nothing either.
import { encodeRows } from "./blocks.ts";
import type { WritableType } from "./format.ts";
import { describeLlamaModel, type NamedMatrix, plainChatTemplate } from "./llama-model.ts";
import type { Vocabulary } from "./vocabulary.ts";
import { dimensionsForCodes, walshCode } from "./walsh-codes.ts";
import type { GgufModel } from "./writer.ts";

export type TableModel = {
  readonly name: string;
  readonly type: WritableType;
  /** Trained context in tokens. */
  readonly contextLength: number;
  readonly vocabulary: Vocabulary;
  /** The id that follows each id. */
  readonly next: readonly number[];
  /** Jinja; the plain contents of all messages where it is absent. */
  readonly chatTemplate?: string;
  /** The file says that inputs may become vectors: the mean of their tokens. */
  readonly isPooled?: boolean;
};

export function describeTableModel(model: TableModel): GgufModel {
  const codeOf = new Map([...new Set(model.next)].map((id, code) => [id, code]));
  const dimensions = dimensionsForCodes(codeOf.size);
  const writeCode = (id: number | undefined, values: Float32Array): void => {
    const code = id === undefined ? undefined : codeOf.get(id);
    if (code === undefined) return;
    for (let i = 0; i < dimensions; i++) values[i] = walshCode(code, i, dimensions);
  };
  const weights = (matrix: NamedMatrix): Uint8Array[] => [
    encodeRows(model.type, matrix, (row, values) => {
      if (matrix.part === "token_embd") writeCode(model.next[row], values);
      else if (matrix.part === "output") writeCode(row, values);
    }),
  ];
  const heads = dimensions / 64;
  const { contextLength, name, type, vocabulary, chatTemplate = plainChatTemplate } = model;
  const shape = {
    layers: 1,
    dimensions,
    feedForward: 64,
    heads,
    kvHeads: 1,
    contextLength,
    ropeBase: 1e4,
    isTied: false,
  };
  const { metadata, tensors } = describeLlamaModel({ name, type, vocabulary, chatTemplate, shape, weights });
  if (model.isPooled !== true) return { metadata, tensors };
  // llama.h, LLAMA_POOLING_TYPE_MEAN.
  return { metadata: new Map(metadata).set("llama.pooling_type", { kind: "uint32", value: 1 }), tensors };
}

/** The ids that follow `lastTokenId`, without the one that ends the answer. */
export function followTable(next: readonly number[], lastTokenId: number, limits: TableLimits): number[] {
  const ids: number[] = [];
  let id = next[lastTokenId];
  while (id !== undefined && id !== limits.endTokenId && ids.length < limits.maxTokens) {
    ids.push(id);
    id = next[id];
  }
  return ids;
}

export type TableLimits = { readonly maxTokens: number; readonly endTokenId: number };
