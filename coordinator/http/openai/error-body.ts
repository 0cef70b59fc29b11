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

/** Headers that go with an error: `retry-after` in whole seconds, at least 1, where a time is known. */
export function errorHeaders(error: PomonaError): Record<string, string> {
  if (error.retryAfterMs === null) return {};
  return { "retry-after": String(Math.max(1, Math.ceil(error.retryAfterMs / 1000))) };
}
