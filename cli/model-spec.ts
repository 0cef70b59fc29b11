import { basename, extname, resolve } from "node:path";
import { builtinTinyName, builtinTinySource } from "@pomona/shared/core/builtin-model";
import { PomonaError } from "@pomona/shared/core/errors";
import { isModelName } from "@pomona/shared/core/ids";
import { type ModelSource, parseModelSource } from "@pomona/shared/core/model-source";

/** A model as named on the command line. */
export type ModelSpec = { readonly name: string; readonly source: string };

/**
 * Reads `NAME`, `NAME=SOURCE` or a bare SOURCE. A path is made absolute, and its name is its file stem; that of a
 * repository is the repository's.
 * @throws PomonaError `invalid_request` that says what a SPEC looks like.
 */
export function parseModelSpec(text: string): ModelSpec {
  // A bare source may hold an = of its own.
  const separator = /^(https?|hf|file|builtin):|^\//.test(text) ? -1 : text.indexOf("=");
  const given = separator < 0 ? null : text.slice(0, separator);
  const said = separator < 0 ? text : text.slice(separator + 1);
  if (said === "") throw wrong(text, "it names no source");
  const source = said === builtinTinyName && given === null ? builtinTinySource : absolute(said);
  const parsed = parseModelSource(source);
  if (parsed === null) throw wrong(text, `${JSON.stringify(source)} is no source`);
  const name = given ?? nameOf(parsed);
  if (!isModelName(name)) throw wrong(text, `${JSON.stringify(name)} is no model name (letters, digits and _ . - : /)`);
  return { name, source };
}

/** Paths are taken as seen from here. */
function absolute(source: string): string {
  return /^(https?|hf|builtin):/.test(source) ? source : resolve(source.replace(/^file:(\/\/)?/, ""));
}

function nameOf(source: ModelSource): string {
  switch (source.kind) {
    case "builtin":
      return builtinTinyName;
    case "path":
      return basename(source.path, extname(source.path));
    case "https": {
      const { pathname } = new URL(source.url);
      return basename(pathname, extname(pathname));
    }
    case "hf":
      return source.repository.replace(/-gguf$/i, "");
  }
}

function wrong(text: string, why: string): PomonaError {
  const form = "NAME=SOURCE or a SOURCE: a path, https:, hf:owner/repo[:quant], or builtin:tiny";
  return new PomonaError("invalid_request", `the model ${JSON.stringify(text)}: ${why}; a model is ${form}`);
}
