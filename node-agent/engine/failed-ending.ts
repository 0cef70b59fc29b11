import type { Attempt, Ending, GenerationFailure } from "@pomona/shared/core/generation";

/**
 * The ending of an attempt that an error cut off.
 * @param generatedTokens what came out so far, earlier attempts included: the index at which it is to go on.
 */
export function failedEnding(
  attempt: Attempt,
  failure: GenerationFailure,
  generatedTokens = attempt.emittedTokenIds.length,
): Ending {
  return {
    reason: "failed",
    failure,
    usage: { promptTokens: attempt.promptTokenIds.length, cachedPromptTokens: 0, generatedTokens },
    timings: { queueMs: 0, prefillMs: 0, decodeMs: 0 },
  };
}
