// Where a model's file is, and what its header says.
import { accessSync, constants, mkdirSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { builtinTinyModel, builtinTinySource } from "../core/builtin-model.ts";
import { PomonaError } from "../core/errors.ts";
import { parseGgufHeader } from "../core/gguf/reader.ts";
import { type ModelShape, modelShapeOf } from "../core/model-memory.ts";
import { readGgufHeader } from "./gguf-file.ts";
import { writeFileAtomically } from "./state-directory.ts";

/**
 * The shape of a model by its source: `builtin:tiny`, a path, or a `file:` URL.
 * @throws PomonaError `not_found` when there is no such file here, `invalid_model` when it is no model.
 */
export async function readModelShape(source: string, signal: AbortSignal): Promise<ModelShape> {
  if (source === builtinTinySource) return builtinShape();
  const { header, fileBytes } = await readGgufHeader(modelPath(source), signal);
  return modelShapeOf(header, fileBytes);
}

/** The path of a model's file; the built-in model is written into `modelsDirectory` at its first use. */
export function provideModelFile(source: string, modelsDirectory: string): string {
  if (source !== builtinTinySource) return modelPath(source);
  const path = join(modelsDirectory, "tiny.gguf");
  try {
    accessSync(path, constants.R_OK);
  } catch {
    mkdirSync(modelsDirectory, { recursive: true, mode: 0o700 });
    writeFileAtomically(path, builtinTinyModel());
  }
  return path;
}

function modelPath(source: string): string {
  const path = source.startsWith("file:") ? pathOfUrl(source) : source;
  const absolute = isAbsolute(path) ? path : resolve(path);
  try {
    accessSync(absolute, constants.R_OK);
  } catch {
    throw new PomonaError("not_found", `there is no model file ${absolute} that can be read on this node`);
  }
  return absolute;
}

function pathOfUrl(source: string): string {
  // file:models/x.gguf is no URL with a host, but what people write.
  return source.startsWith("file://") ? fileURLToPath(source) : source.slice("file:".length);
}

function builtinShape(): ModelShape {
  const bytes = builtinTinyModel();
  const parsed = parseGgufHeader(bytes, bytes.length);
  if (parsed.kind !== "header") throw new Error("assertion failed: the built-in model has a whole header");
  return modelShapeOf(parsed.header, bytes.length);
}
