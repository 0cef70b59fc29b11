// Prompts as token ids.
import { plainForm } from "@pomona/shared/core/output/answer-form";
import type { LlamaModel } from "node-llama-cpp";
import type { TokenizedPrompt, TokenizeInput } from "../engine.ts";
import { countInfill } from "./infill.ts";
import type { LoadedModel } from "./load-model.ts";
import { countTokens, TokenCount } from "./token-count.ts";

/**
 * @throws PomonaError `invalid_request` when the template cannot render the conversation, or the model fills no gaps; why the
 * signal was aborted.
 */
export async function tokenizePrompt(
  {
    model,
    template,
    infill,
    keptMax,
  }: Pick<LoadedModel, "model" | "template" | "infill"> & { readonly keptMax: number },
  input: TokenizeInput,
  signal: AbortSignal,
): Promise<TokenizedPrompt> {
  const limits = { keptMax, signal };
  switch (input.kind) {
    case "tokens":
      return { ...plain, tokenIds: input.tokenIds, tokensLeftOut: 0 };
    case "text": {
      const count = new TokenCount(model, limits);
      // Whoever writes a whole prompt writes what a template would: llama-server, vLLM and Ollama read it so as well.
      await count.add(input.text, { readsSpecial: true });
      return { ...plain, tokenIds: withBos(model, count.tokens), tokensLeftOut: count.leftOut };
    }
    case "plainText": {
      const count = await countTokens(model, input.text, limits);
      return { ...plain, tokenIds: withBos(model, count.tokens), tokensLeftOut: count.leftOut };
    }
    case "infill": {
      const count = await countInfill({ model, infill }, input, limits);
      return { ...plain, ...count, tokenIds: withBos(model, count.tokenIds) };
    }
    case "chat": {
      const rendered = await template.tokenize(input, limits);
      const tokenIds = withBos(model, rendered.tokenIds);
      const sharedTokens =
        rendered.sharedTokens === 0 ? 0 : rendered.sharedTokens + tokenIds.length - rendered.tokenIds.length;
      return { ...rendered, tokenIds, sharedTokens };
    }
  }
}

const plain = { stop: [], form: plainForm, sharedTokens: 0 };

/** Templates may write the token of the beginning themselves. */
function withBos(model: LlamaModel, tokenIds: readonly number[]): readonly number[] {
  const { bos, shouldPrependBosToken } = model.tokens;
  return shouldPrependBosToken && bos !== null && tokenIds[0] !== bos ? [bos, ...tokenIds] : tokenIds;
}
