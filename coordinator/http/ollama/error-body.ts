import type { PomonaError } from "@pomona/shared/core/errors";
import { namedMessage } from "../named-message.ts";

/** Ollama's error shape, as an answer and as the last line of one. */
export function errorBody(error: PomonaError): { readonly error: string } {
  return { error: namedMessage(error) };
}
