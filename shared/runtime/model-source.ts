// Where a model's file is, and what its header says.
import { accessSync, constants, mkdirSync } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { builtinTinyModel, builtinTinySource } from "../core/builtin-model.ts";
import type { LoraAdapter } from "../core/engine-options.ts";
import { PomonaError } from "../core/errors.ts";
import { parseGgufHeader } from "../core/gguf/reader.ts";
import { type GgufFileHeader, parseSplitName } from "../core/gguf/split.ts";
import { modelShapeOfFiles } from "../core/model-headers.ts";
import { type ModelShape, modelShapeOf } from "../core/model-memory.ts";
import { readGgufBeginning } from "./gguf-file.ts";
import { writeFileAtomically } from "./state-directory.ts";

/**
 * The shape of a model by its source: `builtin:tiny`, a path, or a `file:` URL.
 * @throws PomonaError `not_found` when there is no such file here, `invalid_model` when it is no model.
 */
export async function readModelShape(source: string, signal: AbortSignal): Promise<ModelShape> {
  if (source === builtinTinySource) return builtinShape();
  const files: GgufFileHeader[] = [];
  for (const path of modelPartPaths(modelPath(source))) {
    const { header, fileBytes } = await readGgufBeginning(path, signal);
    files.push({ name: path, header, fileBytes });
  }
  return modelShapeOfFiles(files);
}

/** The path itself, or those of all parts of a split model when its name is that of one. */
export function modelPartPaths(path: string): string[] {
  const split = parseSplitName(basename(path));
  if (split === null) return [path];
  const { stem, count } = split;
  const digits = (number: number): string => String(number).padStart(5, "0");
  return Array.from({ length: count }, (_, index) =>
    join(dirname(path), `${stem}-${digits(index + 1)}-of-${digits(count)}.gguf`),
  );
}

/**
 * Names a file among those of this machine, whatever path leads to it: device and number of its inode. Processes that
 * map it have its pages in common; those of a copy are other pages.
 */
export async function fileIdentity(path: string): Promise<string> {
  const { dev, ino } = await stat(path, { bigint: true });
  return `${dev}:${ino}`;
}

/** Bytes of the adapters' files. @throws PomonaError `not_found` naming the one that is not there. */
export async function adapterBytes(adapters: readonly LoraAdapter[]): Promise<number> {
  let bytes = 0;
  for (const { path } of adapters) {
    try {
      bytes += (await stat(path)).size;
    } catch (cause) {
      throw new PomonaError("not_found", `there is no adapter ${path} that can be read on this node`, { cause });
    }
  }
  return bytes;
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
