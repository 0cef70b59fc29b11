// Errors in the shape of the Messages API. https://docs.anthropic.com/en/api/errors
import { type ErrorCode, errorTable, type PomonaError } from "@pomona/shared/core/errors";
import { namedMessage } from "../named-message.ts";

export type AnthropicErrorBody = {
  readonly type: "error";
  readonly error: {
    readonly type: string;
    readonly message: string;
    /** One of ours (docs/errors.md), but where the API has a word that its clients act upon. */
    readonly details: { readonly error_code: string };
  };
  readonly request_id: string;
};

/** A conversation that this field names is not kept: clients send it whole then. */
const threadField = "thread";

export function errorBody(thrown: PomonaError, requestId: string): AnthropicErrorBody {
  const { code, field } = thrown;
  const told = code === "context_length_exceeded" ? tooLong(thrown) : namedMessage(thrown);
  const errorCode = code === "not_found" && field === threadField ? "thread_not_found" : code;
  const error = { type: errorType(code), message: told, details: { error_code: errorCode } };
  return { type: "error", error, request_id: requestId };
}

/** By these words agents know that they have to shorten the conversation, and by the numbers how far. */
function tooLong({ message, overflow }: PomonaError): string {
  if (overflow === null) return `prompt is too long: ${message}`;
  const { promptTokens, contextLength } = overflow;
  // One that fills the context leaves no room for an answer.
  return `prompt is too long: ${promptTokens} tokens > ${Math.min(contextLength, promptTokens - 1)} maximum`;
}

/** The API's own status where a pool is busy, and of a gate that waited too long. */
const overloadedStatus = 529;

export function errorStatus(code: ErrorCode): number {
  return errorType(code) === "overloaded_error" ? overloadedStatus : errorTable[code].httpStatus;
}

function errorType(code: ErrorCode): string {
  const { httpStatus, openaiType } = errorTable[code];
  if (openaiType === "server_error") return "api_error";
  if (openaiType === "overloaded_error") return httpStatus === 429 ? "rate_limit_error" : "overloaded_error";
  switch (httpStatus) {
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    default:
      return "invalid_request_error";
  }
}
