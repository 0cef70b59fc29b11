// OpenAI's answers, made of the gateway's events: two APIs that differ in how they name things.
import type { Ending, FinishReason, Usage } from "@pomona/shared/core/generation";
import type { RequestId } from "@pomona/shared/core/ids";

/** What one answer carries in every chunk. */
export type AnswerHead = {
  readonly requestId: RequestId;
  readonly createdAtS: number;
  readonly model: string;
  /** Whether the client asked for a chunk with the usage. */
  readonly includeUsage: boolean;
};

/** How one of the two APIs writes its answers. */
export type AnswerShape = {
  whole(head: AnswerHead, text: string, ending: Ending): object;
  /** The chunk before any text, or null. */
  first(head: AnswerHead): object | null;
  delta(head: AnswerHead, text: string): object;
  last(head: AnswerHead, ending: Ending): object;
  usage(head: AnswerHead, usage: Usage): object;
};

const fingerprint = "pomona";

function openaiUsage(usage: Usage): object {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.generatedTokens,
    total_tokens: usage.promptTokens + usage.generatedTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedPromptTokens },
  };
}

function finishReason(reason: FinishReason): "stop" | "length" {
  return reason === "length" ? "length" : "stop";
}

/** With `include_usage` every chunk has the field, null in all but the last; without it none has. */
function chatChunk(head: AnswerHead, choices: object[], usage: object | null = null): object {
  return {
    id: `chatcmpl-${head.requestId}`,
    object: "chat.completion.chunk",
    created: head.createdAtS,
    model: head.model,
    system_fingerprint: fingerprint,
    choices,
    ...(head.includeUsage ? { usage } : {}),
  };
}

export const chatShape: AnswerShape = {
  whole: (head, text, ending) => ({
    id: `chatcmpl-${head.requestId}`,
    object: "chat.completion",
    created: head.createdAtS,
    model: head.model,
    system_fingerprint: fingerprint,
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: text, refusal: null },
        logprobs: null,
        finish_reason: finishReason(ending.reason),
      },
    ],
    usage: openaiUsage(ending.usage),
  }),
  first: (head) =>
    chatChunk(head, [
      { index: 0, delta: { role: "assistant", content: "", refusal: null }, logprobs: null, finish_reason: null },
    ]),
  delta: (head, text) => chatChunk(head, [{ index: 0, delta: { content: text }, logprobs: null, finish_reason: null }]),
  last: (head, ending) =>
    chatChunk(head, [{ index: 0, delta: {}, logprobs: null, finish_reason: finishReason(ending.reason) }]),
  usage: (head, usage) => chatChunk(head, [], openaiUsage(usage)),
};

/** OpenAI's schema has no null here: the field is there in the one chunk that carries the figures. */
function completionChunk(head: AnswerHead, choices: object[], usage: object | null = null): object {
  return {
    id: `cmpl-${head.requestId}`,
    object: "text_completion",
    created: head.createdAtS,
    model: head.model,
    system_fingerprint: fingerprint,
    choices,
    ...(usage === null ? {} : { usage }),
  };
}

export const completionShape: AnswerShape = {
  whole: (head, text, ending) =>
    completionChunk(
      head,
      [{ index: 0, text, logprobs: null, finish_reason: finishReason(ending.reason) }],
      openaiUsage(ending.usage),
    ),
  first: () => null,
  delta: (head, text) => completionChunk(head, [{ index: 0, text, logprobs: null, finish_reason: null }]),
  last: (head, ending) =>
    completionChunk(head, [{ index: 0, text: "", logprobs: null, finish_reason: finishReason(ending.reason) }]),
  usage: (head, usage) => completionChunk(head, [], openaiUsage(usage)),
};
