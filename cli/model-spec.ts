import { basename, extname, resolve } from "node:path";
import { builtinTinyName, builtinTinySource } from "@pomona/shared/core/builtin-model";
import { PomonaError } from "@pomona/shared/core/errors";
import { isModelName } from "@pomona/shared/core/ids";

/** A model as named on the command line. */
export type ModelSpec = { readonly name: string; readonly source: string };

/**
 * Reads `NAME`, `NAME=SOURCE` or a bare SOURCE. A path is made absolute, and its name is its file stem.
 * @throws PomonaError `invalid_request` that says what a SPEC looks like.
 */
export function parseModelSpec(text: string): ModelSpec {
  const separator = text.indexOf("=");
  const source = separator < 0 ? text : text.slice(separator + 1);
  if (source === "") throw wrong(text, "it names no source");
  if (source === builtinTinySource || text === builtinTinyName) {
    return named(separator < 0 ? builtinTinyName : text.slice(0, separator), builtinTinySource, text);
  }
  if (/^(https?|hf):/.test(source)) throw wrong(text, "only paths, file: and builtin:tiny can be loaded so far");
  const path = resolve(source.replace(/^file:(\/\/)?/, ""));
  const stem = basename(path, extname(path));
  return named(separator < 0 ? stem : text.slice(0, separator), path, text);
}

function named(name: string, source: string, text: string): ModelSpec {
  if (!isModelName(name)) throw wrong(text, `${JSON.stringify(name)} is no model name (letters, digits and _ . - : /)`);
  return { name, source };
}

function wrong(text: string, why: string): PomonaError {
  const form = "NAME=/path/to/model.gguf, a path, or builtin:tiny";
  return new PomonaError("invalid_request", `--model ${JSON.stringify(text)}: ${why}; a model is ${form}`);
}
