// Errors in the shape of the Messages API. https://docs.anthropic.com/en/api/errors
import { type ErrorCode, errorTable, type PomonaError } from "@pomona/shared/core/errors";

export type AnthropicErrorBody = {
  readonly type: "error";
  readonly error: { readonly type: string; readonly message: string };
  readonly request_id: string;
};

export function errorBody({ code, message }: PomonaError, requestId: string): AnthropicErrorBody {
  return { type: "error", error: { type: errorType(code), message }, request_id: requestId };
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
