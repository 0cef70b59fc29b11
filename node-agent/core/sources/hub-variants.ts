// Which models a repository of GGUF files offers: one for each way to quantise, of one file or of several parts.
import { PomonaError } from "@pomona/shared/core/errors";
import { parseSplitName } from "@pomona/shared/core/gguf/split";
import { type ModelVariant, totalFileBytes } from "@pomona/shared/core/model-files";
import { hasControls } from "./source-name.ts";

/** A file as the repository lists it. */
export type ListedFile = {
  /** With folders. */
  readonly path: string;
  readonly bytes: number;
  /** SHA-256; null where the repository does not tell. */
  readonly digest: string | null;
};

/** Projectors of pictures and statistics of calibration are GGUF files too, but no models. */
const noModel = /mmproj|imatrix/i;
/** The names that llama.cpp's quantize gives, and those that publishers derived from them. */
const quantPattern = /(?:^|[-._/])((?:UD[-_])?(?:I?Q\d\w*|TQ\d\w*|B?F16|FP16|F32|MXFP4\w*))(?=$|[-.])/gi;

/** The smallest first. @throws PomonaError `transfer_failed` for names that are none. */
export function hubVariants(listed: readonly ListedFile[]): ModelVariant[] {
  const groups = new Map<
    string,
    { readonly stem: string; readonly count: number; readonly files: Map<number, ListedFile> }
  >();
  for (const file of listed) {
    checkListedPath(file.path);
    if (!/\.gguf$/i.test(file.path) || noModel.test(baseName(file.path))) continue;
    const split = parseSplitName(file.path);
    const stem = split?.stem ?? file.path.slice(0, -".gguf".length);
    const { index, count } = split ?? { index: 0, count: 1 };
    const key = `${stem} ${count}`;
    const group = groups.get(key) ?? { stem, count, files: new Map<number, ListedFile>() };
    group.files.set(index, file);
    groups.set(key, group);
  }
  const whole = [...groups.values()].filter(({ files, count }) => files.size === count);
  const quants = whole.map(({ stem }) => quantOf(stem));
  const variants = whole.map(({ stem, files }, index) => ({
    quant: labelOf(stem, quants, index),
    files: inOrder(files).map(({ path, bytes, digest }) => ({ name: baseName(path), bytes, digest })),
  }));
  return variants.sort((a, b) => totalFileBytes(a.files) - totalFileBytes(b.files));
}

function inOrder(files: ReadonlyMap<number, ListedFile>): ListedFile[] {
  return [...files].sort(([a], [b]) => a - b).map(([, file]) => file);
}

/** The variant that is meant: by its quant, or by the name of its first file. @throws PomonaError `not_found`. */
export function chooseVariant(variants: readonly ModelVariant[], choice: string, where: string): ModelVariant {
  const wanted = choice.toLowerCase();
  const found = variants.find(
    ({ quant, files }) => quant.toLowerCase() === wanted || files[0]?.name.toLowerCase() === wanted,
  );
  if (found !== undefined) return found;
  const there = variants.map(({ quant }) => quant).join(", ") || "no GGUF model at all";
  throw new PomonaError("not_found", `${where} has no ${choice}; it has: ${there}`, { field: "source" });
}

function quantOf(stem: string): string {
  const found = [...stem.matchAll(quantPattern)].at(-1)?.[1];
  return found === undefined ? "" : found.toUpperCase();
}

/** Two models of one quantisation in a repository are told apart by their names. */
function labelOf(stem: string, quants: readonly string[], index: number): string {
  const quant = quants[index] ?? "";
  const isAlone = quants.filter((other) => other === quant).length === 1;
  return quant !== "" && isAlone ? quant : baseName(stem);
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function checkListedPath(path: string): void {
  const isPlain = path.length <= 1024 && !hasControls(path) && !path.includes("\\");
  if (isPlain && path.split("/").every((part) => part !== "" && part !== "." && part !== "..")) return;
  throw new PomonaError(
    "transfer_failed",
    `the repository lists a file with the name ${JSON.stringify(path.slice(0, 200))}, which is none: take another repository`,
  );
}
