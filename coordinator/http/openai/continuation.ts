// Answers that go on from the assistant's last message. OpenAI's API has none: they are asked for as in the dialects of
// DeepSeek (api-docs.deepseek.com, Chat Prefix Completion) and Mistral (mistral-common, validator.py) by `prefix` of the message,
// or of vLLM (entrypoints/openai/protocol.py) and SGLang by `continue_final_message`.
import type { Chat, ChatMessage } from "@pomona/shared/core/generation";
import { z } from "zod";
import { continued } from "../requests/continued.ts";
import { invalid } from "../requests/field.ts";

export const continuationFields = {
  continue_final_message: z.boolean().nullish(),
  add_generation_prompt: z.boolean().nullish(),
};

type ContinuationFields = z.output<ReturnType<typeof fieldsSchema>> & { readonly messages?: unknown };
function fieldsSchema() {
  return z.object(continuationFields);
}

/** Made of messages that were looked at one by one. @throws PomonaError `invalid_request` that names the field. */
export function parseContinuation(
  { messages: sent, continue_final_message: isContinued, add_generation_prompt: isTurnAdded }: ContinuationFields,
  messages: readonly ChatMessage[],
): Pick<Chat, "messages" | "continuesLast"> {
  if (isContinued === true && isTurnAdded === true)
    throw invalid(
      ["add_generation_prompt"],
      "is true: Cannot set both `continue_final_message` and `add_generation_prompt` to True.",
    );
  const isPrefix = hasPrefix(Array.isArray(sent) ? sent.at(-1) : null);
  if (isContinued !== true && !isPrefix) {
    if (isTurnAdded === false)
      throw invalid(["add_generation_prompt"], "is only false where continue_final_message is true: leave it out");
    return { messages };
  }
  const last = messages.at(-1);
  const path = isPrefix ? ["messages", messages.length - 1, "prefix"] : ["continue_final_message"];
  if (last?.role !== "assistant") throw invalid(path, "needs a last message of the role assistant");
  if (last.toolCalls !== undefined) throw invalid(path, "is for text: the last message calls tools");
  return continued(messages);
}

function hasPrefix(message: unknown): boolean {
  return typeof message === "object" && message !== null && Reflect.get(message, "prefix") === true;
}
