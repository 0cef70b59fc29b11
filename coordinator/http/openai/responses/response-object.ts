// The response object, as OpenAI's API and Open Responses have it.
import type { AnswerEnding } from "../../../core/generation-request.ts";
import type { AnswerHead } from "../../answers/api-answer.ts";
import type { Item } from "./item.ts";
import type { NamespacedNames } from "./namespaces.ts";

/** Of a request, what its answer depends on. */
export type ResponseSettings = {
  /** Fields of the response object that repeat the request's. */
  readonly echo: Readonly<Record<string, unknown>>;
  /** Thoughts come in an opaque form too, for clients that send nothing else back. */
  readonly sendsOpaqueThoughts: boolean;
  /** Thoughts come as their own summary, for clients that show nothing else. */
  readonly thoughtsAreSummary: boolean;
  /** Calls of these functions say both of their names. */
  readonly namespaced: NamespacedNames;
};

export type ResponseState = {
  readonly output: readonly Item[];
  /** Tokens that became thoughts. */
  readonly reasoningTokens: number;
} & (
  | { readonly status: "in_progress" }
  | { readonly status: "failed"; readonly error: ResponseError }
  | { readonly status: "ended"; readonly ending: AnswerEnding }
);

/** `code` is one of OpenAI's. */
export type ResponseError = { readonly code: string; readonly message: string };

export function responseId({ requestId }: Pick<AnswerHead, "requestId">): string {
  return `resp_${requestId}`;
}

export function responseObject(head: AnswerHead, { echo }: ResponseSettings, state: ResponseState): object {
  const ending = state.status === "ended" ? state.ending : null;
  const isIncomplete = ending?.reason === "length";
  return {
    id: responseId(head),
    object: "response",
    created_at: Math.floor(head.createdAtMs / 1000),
    status: state.status === "ended" ? (isIncomplete ? "incomplete" : "completed") : state.status,
    completed_at: ending === null || isIncomplete ? null : endSeconds(head, ending),
    error: state.status === "failed" ? state.error : null,
    incomplete_details: isIncomplete ? { reason: "max_output_tokens" } : null,
    model: head.model,
    ...echo,
    output: state.output,
    usage: usageOf(ending, state.reasoningTokens),
  };
}

function endSeconds({ createdAtMs }: AnswerHead, { timings }: AnswerEnding): number {
  return Math.floor((createdAtMs + timings.queueMs + timings.prefillMs + timings.decodeMs) / 1000);
}

/** Zeros while nothing is known: OpenAI's schema has no null here, and that of Open Responses no absence. */
function usageOf(ending: AnswerEnding | null, reasoningTokens: number): object {
  const { promptTokens = 0, cachedPromptTokens = 0, generatedTokens = 0 } = ending?.usage ?? {};
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: cachedPromptTokens, cache_write_tokens: 0 },
    output_tokens: generatedTokens,
    output_tokens_details: { reasoning_tokens: ending === null ? 0 : Math.min(reasoningTokens, generatedTokens) },
    total_tokens: promptTokens + generatedTokens,
  };
}
