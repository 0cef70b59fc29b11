import type { PomonaError } from "@pomona/shared/core/errors";

/** Ollama's error shape, as an answer and as the last line of one. */
export function errorBody({ message }: PomonaError): { readonly error: string } {
  return { error: message };
}
