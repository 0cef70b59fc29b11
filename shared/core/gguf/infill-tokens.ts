// The tokens that stand around a gap, as a file's header names them or spells them.
import { type InfillTokens, infillTokensOf } from "../infill.ts";
import type { GgufHeader } from "./reader.ts";

const tokenizerKey = "tokenizer.ggml.";

/** null for a model that was not made to fill gaps, as far as its file tells. */
export function infillTokensOfHeader({ metadata }: GgufHeader): InfillTokens | null {
  const tokens = metadata.get(`${tokenizerKey}tokens`);
  if (typeof tokens !== "object" || tokens.kind !== "array") return null;
  const name = metadata.get("general.name");
  return infillTokensOf({
    places: tokens.places ?? new Map(),
    headerValue: (key) => metadata.get(tokenizerKey + key),
    vocabularySize: tokens.count,
    name: typeof name === "string" ? name : "",
  });
}
