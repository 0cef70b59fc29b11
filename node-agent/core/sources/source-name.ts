// What a source's text names.
import { PomonaError } from "@pomona/shared/core/errors";

export type SourceName =
  | { readonly kind: "builtin" }
  | { readonly kind: "hub"; readonly repository: string; readonly revision: string; readonly choice: string }
  /** `http:` too; whether that is allowed is for whoever asks it to say. */
  | { readonly kind: "web"; readonly url: string }
  | { readonly kind: "path"; readonly path: string };

const defaultRevision = "main";
const hubPattern = /^hf:([\w.-]{1,96}\/[\w.-]{1,96})(?:@([\w./-]{1,128}))?(?::([\w.-]{1,255}))?$/;

/** @throws PomonaError `invalid_request` with what a source looks like. */
export function parseSourceName(text: string): SourceName {
  if (text === "builtin:tiny") return { kind: "builtin" };
  if (text === "" || hasControls(text)) throw invalid(text, "it is empty or has control characters");
  if (text.startsWith("hf:")) return parseHub(text);
  if (/^https?:/i.test(text)) return { kind: "web", url: text };
  if (/^(builtin|ftp|s3|gs|ollama|ssh|data):/i.test(text)) throw invalid(text, "this kind of source is not known");
  return { kind: "path", path: text };
}

function parseHub(text: string): SourceName {
  const [, repository, revision = defaultRevision, choice = ""] = hubPattern.exec(text) ?? [];
  const parts = [...(repository ?? "..").split("/"), ...revision.split("/")];
  if (repository === undefined || parts.some((part) => /^[.-]|\.\.|^$/.test(part)))
    throw invalid(text, "it is not hf:OWNER/REPOSITORY[@REVISION][:QUANT]");
  return { kind: "hub", repository, revision, choice };
}

/** The same source at a commit, so that it always names the same files. */
export function pinnedHubSource(repository: string, commit: string, choice: string): string {
  return `hf:${repository}@${commit}${choice === "" ? "" : `:${choice}`}`;
}

/** Whether a text has characters that no name of a file has: they move cursors, hide endings or end strings early. */
export function hasControls(text: string): boolean {
  return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text);
}

function invalid(text: string, why: string): PomonaError {
  const forms =
    "builtin:tiny, hf:OWNER/REPOSITORY[@REVISION][:QUANT], https://HOST/FILE.gguf with its SHA-256, or a path on the node";
  return new PomonaError(
    "invalid_request",
    `${JSON.stringify(text.slice(0, 200))} is no source of a model: ${why}; take ${forms}`,
    {
      field: "source",
    },
  );
}
