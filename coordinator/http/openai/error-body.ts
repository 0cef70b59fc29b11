import { errorTable, type PomonaError } from "@pomona/shared/core/errors";

/** OpenAI's error shape. `code` is one of ours (docs/errors.md), `param` the field that was wrong. */
export type ErrorBody = {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
  };
};

export function errorBody(error: PomonaError): ErrorBody {
  const type = errorTable[error.code].openaiType;
  return { error: { message: error.message, type, param: error.field, code: error.code } };
}

/** What a client is told to wait when there is no capacity and nothing better is known. */
const defaultRetryAfterMs = 1000;

/** Headers that go with an error: `retry-after` in whole seconds, at least 1, with every 429 and 503 that may pass. */
export function errorHeaders(error: PomonaError): Record<string, string> {
  const { httpStatus } = errorTable[error.code];
  const isCapacity = error.isRetryable && (httpStatus === 429 || httpStatus === 503);
  const retryAfterMs = error.retryAfterMs ?? (isCapacity ? defaultRetryAfterMs : null);
  if (retryAfterMs === null) return {};
  return { "retry-after": String(Math.max(1, Math.ceil(retryAfterMs / 1000))) };
}
