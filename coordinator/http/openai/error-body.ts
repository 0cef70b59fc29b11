import { errorTable, type LoadingOutlook, type PomonaError, type QueueOutlook } from "@pomona/shared/core/errors";

/** OpenAI's error shape. `code` is one of ours (docs/errors.md), `param` the field that was wrong. */
export type ErrorBody = {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
    /** How full the pool is, where that is the reason. */
    readonly queue?: { readonly length: number; readonly position: number; readonly expected_wait_ms: number };
    /** How far the model is that is being loaded. */
    readonly loading?: { readonly state: string; readonly percent: number; readonly etaSeconds: number | null };
  };
};

export function errorBody(error: PomonaError): ErrorBody {
  const type = errorTable[error.code].openaiType;
  const { message, field, code, queue, loading } = error;
  return {
    error: {
      message,
      type,
      param: field,
      code,
      ...(queue === null ? {} : { queue: queueBody(queue) }),
      ...(loading === null ? {} : { loading: loadingBody(loading) }),
    },
  };
}

function queueBody({ length, position, expectedWaitMs }: QueueOutlook) {
  return { length, position, expected_wait_ms: Math.round(expectedWaitMs) };
}

function loadingBody({ state, percent, readyInMs }: LoadingOutlook) {
  return { state, percent, etaSeconds: readyInMs === null ? null : Math.ceil(readyInMs / 1000) };
}

/** What a client is told to wait when there is no capacity and nothing better is known. */
const defaultRetryAfterMs = 1000;

/**
 * Headers that go with an error: `retry-after` in whole seconds, at least 1, with every 429 and 503 that may pass;
 * `x-should-retry: false`, which the SDKs of OpenAI and Anthropic obey, where they would try again for nothing.
 */
export function errorHeaders(error: PomonaError): Record<string, string> {
  const { httpStatus } = errorTable[error.code];
  if (!error.isRetryable && (httpStatus >= 500 || httpStatus === 409)) return { "x-should-retry": "false" };
  const isCapacity = error.isRetryable && (httpStatus === 429 || httpStatus === 503);
  const retryAfterMs = error.retryAfterMs ?? (isCapacity ? defaultRetryAfterMs : null);
  if (retryAfterMs === null) return {};
  return { "retry-after": String(Math.max(1, Math.ceil(retryAfterMs / 1000))) };
}
