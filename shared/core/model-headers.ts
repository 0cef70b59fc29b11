// What a model needs, from the beginnings of its files as a node or a source sends them.
import { PomonaError } from "./errors.ts";
import { parseGgufHeader } from "./gguf/reader.ts";
import { type GgufFileHeader, joinGgufHeaders } from "./gguf/split.ts";
import { modelCardOf } from "./model-card.ts";
import type { ModelFile } from "./model-files.ts";
import { type ModelShape, modelShapeOf } from "./model-memory.ts";
import { type ModelSizing, sizingOf } from "./model-sizing.ts";

/**
 * What a model needs, and what it says of itself, by its files and the beginning of each, as long as its header at least.
 * @throws PomonaError `invalid_model` naming the file that is no model, is cut short, or belongs to another model.
 */
export function sizingOfHeaders(files: readonly NamedHeader[], headers: readonly Uint8Array[]): ModelSizing {
  const parsed = parseFiles(files, headers);
  return sizingOf(modelShapeOfFiles(parsed), modelCardOf(joinGgufHeaders(parsed)));
}

/** The shape of a model by the same. @throws PomonaError `invalid_model` as `sizingOfHeaders`. */
export function modelShapeOfHeaders(files: readonly NamedHeader[], headers: readonly Uint8Array[]): ModelShape {
  return modelShapeOfFiles(parseFiles(files, headers));
}

type NamedHeader = Omit<ModelFile, "digest">;

function parseFiles(files: readonly NamedHeader[], headers: readonly Uint8Array[]): readonly GgufFileHeader[] {
  return files.map(({ name, bytes }, index) => parseFile(name, headers[index] ?? new Uint8Array(0), bytes));
}

/** @throws PomonaError `invalid_model` when the files make no model. */
export function modelShapeOfFiles(files: readonly GgufFileHeader[]): ModelShape {
  const fileBytes = files.reduce((sum, file) => sum + file.fileBytes, 0);
  return modelShapeOf(joinGgufHeaders(files), fileBytes);
}

function parseFile(name: string, beginning: Uint8Array, fileBytes: number): GgufFileHeader {
  const parsed = parseGgufHeader(beginning, fileBytes, "part");
  switch (parsed.kind) {
    case "header":
      return { name, header: parsed.header, fileBytes };
    case "invalid":
      throw new PomonaError("invalid_model", `${name} is ${parsed.reason}`);
    case "needMore":
      throw new PomonaError(
        "invalid_model",
        `${name} has a header of at least ${parsed.bytes} bytes, of which ${beginning.length} are here: send all of it`,
      );
  }
}
