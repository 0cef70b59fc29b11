import type { PomonaError } from "@pomona/shared/core/errors";

/** What is said of an error by APIs that have no place of its own for the field that was wrong: the message names it. */
export function namedMessage({ code, message, field }: PomonaError): string {
  if (code !== "invalid_request" || field === null || message.includes(field)) return message;
  return `${field}: ${message}`;
}
