// Where a model comes from, as people and deployments name it.
import { builtinTinySource } from "./builtin-model.ts";

export type ModelSource =
  | { readonly kind: "builtin" }
  /** A file or a directory on each node that shall serve it. */
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "https"; readonly url: string }
  | {
      readonly kind: "hf";
      readonly owner: string;
      readonly repository: string;
      /** A branch, tag or commit; null for the main branch. */
      readonly revision: string | null;
      /** Such as Q4_K_M; null lets the pool choose. */
      readonly quant: string | null;
    };

/** What a source looks like, for messages. */
export const modelSourceForms =
  "builtin:tiny, an absolute path, file: and an absolute path, https: and a host, or hf:owner/repo[@revision][:quant]";

const sourceLengthMax = 4096;

/** null for what is no source. */
export function parseModelSource(text: string): ModelSource | null {
  if (text === builtinTinySource) return { kind: "builtin" };
  // Control characters would reach terminals and logs.
  if (text.length > sourceLengthMax || !/^[^\p{Cc}\p{Cf}]+$/u.test(text)) return null;
  if (text.startsWith("hf:")) return parseRepository(text);
  if (text.startsWith("https:"))
    return /^https:\/\/[^\s/?#@]+\/[^\s]*$/.test(text) ? { kind: "https", url: text } : null;
  const path = text.replace(/^file:(\/\/(?=\/))?/, "");
  return /^\/(?!\/)/.test(path) ? { kind: "path", path } : null;
}

function parseRepository(text: string): ModelSource | null {
  const match = /^hf:([\w.-]{1,96})\/([\w.-]{1,96})(?:@([\w./-]{1,128}))?(?::([\w.-]{1,64}))?$/.exec(text);
  const [, owner, repository, revision = null, quant = null] = match ?? [];
  if (owner === undefined || repository === undefined) return null;
  // Names that a URL would read as the folder above.
  const isUpward = [owner, repository, ...(revision?.split("/") ?? [])].some((part) => /^\.*$/.test(part));
  return isUpward ? null : { kind: "hf", owner, repository, revision, quant };
}
