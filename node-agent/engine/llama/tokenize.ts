// Prompts as token ids.
import type { PromptInput } from "@pomona/shared/core/generation";
import { plainForm } from "@pomona/shared/core/output/answer-form";
import type { LlamaModel } from "node-llama-cpp";
import type { TokenizedPrompt } from "../engine.ts";
import type { ChatTemplate } from "./chat-template.ts";

/** @throws PomonaError `invalid_request` when the template cannot render the conversation. */
export function tokenizePrompt(model: LlamaModel, template: ChatTemplate, input: PromptInput): TokenizedPrompt {
  switch (input.kind) {
    case "tokens":
      return { tokenIds: input.tokenIds, stop: [], form: plainForm, sharedTokens: 0 };
    case "text":
      return {
        tokenIds: withBos(model, model.tokenize(input.text, false)),
        stop: [],
        form: plainForm,
        sharedTokens: 0,
      };
    case "chat": {
      const rendered = template.tokenize(input);
      const tokenIds = withBos(model, rendered.tokenIds);
      const sharedTokens =
        rendered.sharedTokens === 0 ? 0 : rendered.sharedTokens + tokenIds.length - rendered.tokenIds.length;
      return { ...rendered, tokenIds, sharedTokens };
    }
  }
}

/** Templates may write the token of the beginning themselves. */
function withBos(model: LlamaModel, tokenIds: readonly number[]): readonly number[] {
  const { bos, shouldPrependBosToken } = model.tokens;
  return shouldPrependBosToken && bos !== null && tokenIds[0] !== bos ? [bos, ...tokenIds] : tokenIds;
}
