// The prompt for a gap: the model's own tokens around two texts, in which nothing becomes a special token.
import type { PromptInput } from "@pomona/shared/core/generation";
import { type InfillTokens, infillPrompt, infillTexts, infillTokensOf } from "@pomona/shared/core/infill";
import type { LlamaModel, Token } from "node-llama-cpp";
import type { TokenizedPrompt } from "../engine.ts";
import { unableToInfill } from "../unable-to-infill.ts";
import { type CountLimits, TokenCount } from "./token-count.ts";

type Gap = PromptInput & { readonly kind: "infill" };
type Filling = { readonly model: LlamaModel; readonly infill: InfillTokens | null };

/** @throws PomonaError `invalid_request` that names `suffix`; why the signal was aborted. */
export async function countInfill(
  { model, infill }: Filling,
  { prefix, suffix }: Gap,
  limits: CountLimits,
): Promise<Pick<TokenizedPrompt, "tokenIds" | "tokensLeftOut" | "stopTokenIds">> {
  if (infill === null) throw unableToInfill();
  const count = new TokenCount(model, limits);
  // As codellama (llama/generation.py, infilling_prompt_tokens) and mistral-common: the text before the gap begins a document.
  const parts = { prefix: { text: prefix, isBegun: false }, suffix: { text: suffix, isBegun: true } };
  for (const part of infillPrompt(infill, parts)) {
    // The engine's own type for ids of its vocabulary.
    if (typeof part === "number") count.addTokens([part as Token]);
    else await count.add(part.text, { readsSpecial: false, isBegun: part.isBegun });
  }
  return { tokenIds: count.tokens, tokensLeftOut: count.leftOut, stopTokenIds: infill.ends };
}

/** By the same rule, and of the same file, as coordinators know whether a model fills gaps. null where it does not. */
export function infillTokensOfModel({ fileInfo }: LlamaModel): InfillTokens | null {
  const { general, tokenizer } = fileInfo.metadata;
  const { tokens } = tokenizer.ggml;
  const places = new Map<string, number>();
  for (const [id, text] of tokens.entries()) if (infillTexts.has(text)) places.set(text, id);
  return infillTokensOf({
    places,
    headerValue: (key) => Reflect.get(tokenizer.ggml, key),
    vocabularySize: tokens.length,
    name: general.name ?? "",
  });
}
