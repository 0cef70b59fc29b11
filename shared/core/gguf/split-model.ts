// Splits a model as llama-gguf-split does: for tests, and for whoever wants small files.
import type { GgufModel, WritableValue } from "./writer.ts";

/** Models of about as many tensors each; all metadata are in the first. llama.cpp aborts where the types are others. */
export function splitGguf(model: GgufModel, count: number): GgufModel[] {
  const perPart = Math.ceil(model.tensors.length / count);
  return Array.from({ length: count }, (_, index) => {
    const place: readonly (readonly [string, WritableValue])[] = [
      ["split.no", { kind: "uint16", value: index }],
      ["split.count", { kind: "uint16", value: count }],
      ["split.tensors.count", { kind: "int32", value: model.tensors.length }],
    ];
    return {
      metadata: new Map([...(index === 0 ? model.metadata : []), ...place]),
      tensors: model.tensors.slice(index * perPart, (index + 1) * perPart),
    };
  });
}
