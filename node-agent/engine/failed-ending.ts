import type { PomonaError } from "@pomona/shared/core/errors";
import type { Attempt, Ending } from "@pomona/shared/core/generation";

/**
 * The ending of an attempt that an error cut off.
 * @param generatedTokens what came out so far, earlier attempts included: the index at which it is to go on.
 */
export function failedEnding(
  attempt: Attempt,
  { code, message, isRetryable }: Pick<PomonaError, "code" | "message" | "isRetryable">,
  generatedTokens = attempt.emittedTokenIds.length,
): Ending {
  return {
    reason: "failed",
    failure: { code, message, isRetryable },
    usage: { promptTokens: attempt.promptTokenIds.length, cachedPromptTokens: 0, generatedTokens },
    timings: { queueMs: 0, prefillMs: 0, decodeMs: 0 },
  };
}
