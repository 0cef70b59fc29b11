// Prompts as token ids. Text of users never becomes a special token.
import { PomonaError } from "@pomona/shared/core/errors";
import type { ChatMessage, PromptInput } from "@pomona/shared/core/generation";
import {
  type ChatHistoryItem,
  type LlamaModel,
  resolveChatWrapper,
  type SpecialToken,
  type SpecialTokensText,
} from "node-llama-cpp";
import type { TokenizedPrompt } from "../engine.ts";

/** @throws PomonaError `invalid_request` when the template cannot render the conversation. */
export function tokenizePrompt(model: LlamaModel, input: PromptInput): TokenizedPrompt {
  switch (input.kind) {
    case "tokens":
      return { tokenIds: input.tokenIds, stop: [] };
    case "text":
      return { tokenIds: withBos(model, model.tokenize(input.text, false)), stop: [] };
    case "chat":
      return tokenizeChat(model, input.messages);
  }
}

function withBos(model: LlamaModel, tokenIds: readonly number[]): readonly number[] {
  const { bos, shouldPrependBosToken } = model.tokens;
  return shouldPrependBosToken && bos !== null && tokenIds[0] !== bos ? [bos, ...tokenIds] : tokenIds;
}

function tokenizeChat(model: LlamaModel, messages: readonly ChatMessage[]): TokenizedPrompt {
  const chatHistory: ChatHistoryItem[] = [...messages.map(historyItem), { type: "model", response: [] }];
  try {
    const { contextText, stopGenerationTriggers } = resolveChatWrapper(model).generateContextState({ chatHistory });
    const stop = stopGenerationTriggers
      .flatMap((trigger) => [...trigger.values].map(stopText))
      .filter((text) => text !== "");
    return { tokenIds: withBos(model, contextText.tokenize(model.tokenizer)), stop: [...new Set(stop)] };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new PomonaError("invalid_request", `the model's chat template cannot render these messages: ${reason}`, {
      field: "messages",
    });
  }
}

function historyItem({ role, content }: ChatMessage): ChatHistoryItem {
  switch (role) {
    case "system":
      return { type: "system", text: content };
    case "user":
    case "tool":
      return { type: "user", text: content };
    case "assistant":
      return { type: "model", response: [content] };
  }
}

/** Special tokens end a generation by their id; only plain texts have to be looked for. */
function stopText(part: string | SpecialToken | SpecialTokensText | object): string {
  if (typeof part === "string") return part;
  return "";
}
