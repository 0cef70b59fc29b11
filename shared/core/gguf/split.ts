// Split models: several files that llama.cpp reads as one.
import { PomonaError } from "../errors.ts";
import type { GgufHeader } from "./reader.ts";

/** The header of one file, and how long the file is. */
export type GgufFileHeader = { readonly name: string; readonly header: GgufHeader; readonly fileBytes: number };

/** Place of a file among those of a split model, by its name; null for a name that says nothing of parts. */
export type SplitName = {
  /** What comes before the number. */
  readonly stem: string;
  /** From 0. */
  readonly index: number;
  readonly count: number;
};

/** `llama_split_path` of llama.cpp: `NAME-00001-of-00003.gguf`. */
export function parseSplitName(name: string): SplitName | null {
  const [, stem, number, count] = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/i.exec(name) ?? [];
  if (stem === undefined || Number(number) < 1 || Number(number) > Number(count)) return null;
  return { stem, index: Number(number) - 1, count: Number(count) };
}

/**
 * One header for all files of a model, in their order: metadata of the first, tensors of all. Its data offset is the sum
 * of theirs, so that it fits the sum of the files' lengths.
 * @throws PomonaError `invalid_model` when the files do not belong together, naming the one that does not.
 */
export function joinGgufHeaders(files: readonly GgufFileHeader[]): GgufHeader {
  const [first] = files;
  if (first === undefined) throw new PomonaError("invalid_model", "a model without any file cannot be loaded");
  const expected = first.header.part?.count ?? 1;
  if (expected !== files.length) {
    const found = `${files.length} of them ${files.length === 1 ? "is" : "are"} here`;
    throw new PomonaError(
      "invalid_model",
      `${first.name} is a model of ${expected} files, and ${found}: name them all`,
    );
  }
  for (const [index, file] of files.entries()) checkPlace(file, { index, count: expected });
  const tensors = files.flatMap(({ header }) => header.tensors);
  checkTensors(first, tensors);
  const dataOffset = files.reduce((sum, { header }) => sum + header.dataOffset, 0);
  return { ...first.header, tensors, dataOffset, part: null };
}

function checkPlace({ name, header }: GgufFileHeader, place: { readonly index: number; readonly count: number }): void {
  const part = header.part ?? { index: 0, count: 1 };
  if (part.index === place.index && part.count === place.count) return;
  const says = `it says that it is part ${part.index + 1} of ${part.count}`;
  throw new PomonaError(
    "invalid_model",
    `${name} stands where part ${place.index + 1} of ${place.count} belongs, but ${says}: put the parts of one model together`,
  );
}

function checkTensors({ name, header }: GgufFileHeader, tensors: GgufHeader["tensors"]): void {
  const wanted = header.part?.tensorsOfAll ?? tensors.length;
  if (tensors.length !== wanted || tensors.length === 0) {
    const message = `the files of ${name} have ${tensors.length} tensors together, not ${wanted}: a part is of another model`;
    throw new PomonaError("invalid_model", message);
  }
  if (new Set(tensors.map((tensor) => tensor.name)).size === tensors.length) return;
  throw new PomonaError("invalid_model", `the files of ${name} have a tensor twice: a part is of another model`);
}
