import type { GenerationFailure } from "@pomona/shared/core/generation";

export function failure(code: GenerationFailure["code"], isRetryable: boolean): GenerationFailure {
  return { code, message: `simulated ${code}`, isRetryable };
}
