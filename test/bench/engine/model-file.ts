// Writes models piece by piece: they need not fit into this process.
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { layoutOf } from "@pomona/shared/core/gguf/format";
import { firstPieceTokenId } from "@pomona/shared/core/gguf/vocabulary";
import { type GgufModel, ggufChunks, type WritableTensor } from "@pomona/shared/core/gguf/writer";

/** Returns the path. */
export async function writeModelFile(folder: string, name: string, model: GgufModel): Promise<string> {
  const path = join(folder, `${name}.gguf`);
  const pieces = Readable.from(ggufChunks(model), { objectMode: true, highWaterMark: 4 });
  await pipeline(pieces, createWriteStream(path));
  return path;
}

/**
 * The model with rows of zero for all tokens but whole pieces, so that it says nothing else: llama-server answers text
 * that is no UTF-8 with an error in place of its last event.
 */
export function sayingPieces(model: GgufModel): GgufModel {
  const tensors = model.tensors.map((tensor) => {
    const isVocabulary = tensor.name === "output.weight" || tensor.name === "token_embd.weight";
    return isVocabulary ? { ...tensor, data: () => withFirstRowsZero(tensor) } : tensor;
  });
  return { ...model, tensors };
}

function* withFirstRowsZero({ type, dimensions, data }: WritableTensor): Generator<Uint8Array> {
  const [columns = 0] = dimensions;
  const { elements, bytes } = layoutOf(type);
  let left = firstPieceTokenId * (columns / elements) * bytes;
  for (const chunk of data()) {
    chunk.fill(0, 0, Math.min(left, chunk.length));
    left = Math.max(0, left - chunk.length);
    yield chunk;
  }
}
