// What OpenAI's two older APIs have in common in their answers.

import type { Ending, TokenLogprobs, Usage } from "@pomona/shared/core/generation";
import type { LoggedToken } from "../../core/generation-request.ts";
import type { CollectedAnswer } from "../answers/api-answer.ts";

/** Says which build answered; the nodes' engines are told by `pomona why`. */
export const fingerprint = "pomona";

/** The tokens of several choices for one prompt: the prompt counts once. */
export function openaiUsage(usages: readonly Usage[], prompts = 1): object {
  const sum = (of: (usage: Usage) => number, list: readonly Usage[]): number =>
    list.reduce((total, usage) => total + of(usage), 0);
  // Choices of one prompt stand side by side.
  const each = Math.max(1, usages.length / prompts);
  const firsts = usages.filter((_, index) => index % each === 0);
  const promptTokens = sum((usage) => usage.promptTokens, firsts);
  const completionTokens = sum((usage) => usage.generatedTokens, usages);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: sum((usage) => usage.cachedPromptTokens, firsts) },
  };
}

export function finishReason({ reason }: Ending, hasCalls: boolean): "stop" | "length" | "tool_calls" {
  if (reason === "length") return "length";
  return hasCalls ? "tool_calls" : "stop";
}

export function usagesOf(answers: readonly CollectedAnswer[]): Usage[] {
  return answers.map(({ ending }) => ending.usage);
}

/** `logprobs` of chat completions; null where they were not asked for. */
export function chatLogprobs(tokens: readonly LoggedToken[] | null): object | null {
  if (tokens === null) return null;
  return {
    content: tokens.map(loggedTokenOf),
    refusal: null,
  };
}

export function loggedTokenOf(token: LoggedToken): object {
  return { ...logprobOf(token), top_logprobs: token.top.map(logprobOf) };
}

/** A token may be a part of a character: `bytes` is what counts. */
export function logprobOf({ text, logprob }: Pick<LoggedToken, "text" | "logprob">) {
  return { token: textOf(text), logprob: finite(logprob), bytes: [...text] };
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}

/** JSON has no infinity; OpenAI says -9999 for what is out of the question. */
export function finite(logprob: TokenLogprobs["logprob"]): number {
  return Number.isFinite(logprob) ? logprob : -9999;
}
