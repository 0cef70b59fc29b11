// What every engine checks before it evaluates anything.
import { PomonaError } from "@pomona/shared/core/errors";
import type { Attempt } from "@pomona/shared/core/generation";
import type { CheckedGrammars } from "./checked-grammars.ts";

export type ReplicaLimits = {
  readonly contextLength: number;
  readonly slots: number;
  readonly vocabularySize: number;
  /** Attempts that hold a slot now. */
  readonly runningCount: number;
  readonly grammars: CheckedGrammars;
};

/** @throws PomonaError `slots_full`, `context_length_exceeded`, `invalid_request`. */
export function checkAttempt(attempt: Attempt, limits: ReplicaLimits): void {
  const { promptTokenIds, emittedTokenIds, decoding } = attempt;
  const { maxTokens } = decoding;
  if (limits.runningCount >= limits.slots) {
    throw new PomonaError("slots_full", `all ${limits.slots} slots of replica ${attempt.replicaId} are taken`);
  }
  if (promptTokenIds.length === 0) throw new PomonaError("invalid_request", "the prompt is empty", { field: "prompt" });
  const needed = promptTokenIds.length + maxTokens;
  if (needed > limits.contextLength) {
    throw new PomonaError(
      "context_length_exceeded",
      `the context is ${limits.contextLength} tokens; the request needs ${promptTokenIds.length} for the prompt and ${maxTokens} for the answer`,
      { field: "prompt" },
    );
  }
  if (emittedTokenIds.length >= maxTokens) {
    throw new PomonaError("invalid_request", `${emittedTokenIds.length} of ${maxTokens} tokens are generated already`);
  }
  if (decoding.grammar !== null) limits.grammars.check(decoding.grammar);
  const unknown = [...promptTokenIds, ...emittedTokenIds].find((id) => !(id >= 0 && id < limits.vocabularySize));
  if (unknown !== undefined) {
    const message = `token id ${unknown} is not in the vocabulary of ${limits.vocabularySize} tokens`;
    throw new PomonaError("invalid_request", message, { field: "prompt" });
  }
}
