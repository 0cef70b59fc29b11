// Headers for tests, without a file around them.
import type { GgufHeader, GgufMetadataValue } from "../gguf/reader.ts";

type Figure = number | readonly number[];

export type TestHeader = {
  readonly architecture: string;
  /** Keys without the architecture in front. */
  readonly figures: Readonly<Record<string, Figure>>;
  readonly vocabularySize?: number;
};

/** As the parser would give it, with an embedding of 16 bits a value as its only tensor. */
export function testHeader({ architecture, figures, vocabularySize = 1000 }: TestHeader): GgufHeader {
  const metadata = new Map<string, GgufMetadataValue>();
  for (const [key, figure] of Object.entries(figures)) metadata.set(`${architecture}.${key}`, metadataValue(figure));
  const width = figures["embedding_length"];
  const columns = typeof width === "number" ? width : 1;
  const bytes = 2 * columns * vocabularySize;
  const embedding = { name: "token_embd.weight", dimensions: [columns, vocabularySize], type: "F16", bytes };
  return { version: 3, architecture, metadata, tensors: [embedding], dataOffset: 0, part: null };
}

function metadataValue(figure: Figure): GgufMetadataValue {
  if (typeof figure === "number") return figure;
  return { kind: "array", elementType: "int32", count: figure.length, numbers: figure };
}
