/**
 * The one error of Pomona. A message says what failed, with which values, and what the reader can do;
 * it never holds a prompt, an answer, a key or a token.
 */
export class PomonaError extends Error {
  override readonly name = "PomonaError";
  readonly code: ErrorCode;
  /** The request field that was wrong, as a path like `messages[0].role`; null when no single field was. */
  readonly field: string | null;
  /** When to try again; null when nothing is known. */
  readonly retryAfterMs: number | null;
  /** How full the pool is, where that is the reason; else null. */
  readonly queue: QueueOutlook | null;
  /** How far the model is that is being loaded, where that is the reason; else null. */
  readonly loading: LoadingOutlook | null;
  /** How long the prompt is that does not fit, where that is the reason; else null. */
  readonly overflow: ContextOverflow | null;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.field = details.field ?? null;
    this.retryAfterMs = details.retryAfterMs ?? null;
    this.queue = details.queue ?? null;
    this.loading = details.loading ?? null;
    this.overflow = details.overflow ?? null;
  }

  /** Whether the same call may succeed later or elsewhere without a change. */
  get isRetryable(): boolean {
    return errorTable[this.code].isRetryable;
  }
}

/** Where a request stands, or would stand, among those that wait for its model. */
export type QueueOutlook = {
  /** Requests that wait. */
  readonly length: number;
  /** 1 is next. */
  readonly position: number;
  /** Until it has a slot, as predicted. */
  readonly expectedWaitMs: number;
};

/** How far a model is whose first replica is on its way. */
export type LoadingOutlook = {
  /** `waiting` for memory or a node, `fetching` its files, or `loading`. */
  readonly state: "waiting" | "fetching" | "loading";
  readonly percent: number;
  /** null while nobody knows. */
  readonly readyInMs: number | null;
};

/** Both in tokens. */
export type ContextOverflow = { readonly promptTokens: number; readonly contextLength: number };

/** Optional parts of a {@link PomonaError}. */
export type ErrorDetails = {
  readonly field?: string;
  readonly retryAfterMs?: number;
  readonly queue?: QueueOutlook;
  readonly loading?: LoadingOutlook;
  readonly overflow?: ContextOverflow;
  readonly cause?: unknown;
};

/** What a code means on each surface. gRPC status numbers are those of grpc/status.h. */
export type ErrorSurface = {
  readonly grpcStatus: number;
  readonly httpStatus: number;
  /** `error.type` of OpenAI's error body. */
  readonly openaiType: string;
  readonly isRetryable: boolean;
};

const invalid = "invalid_request_error";
const server = "server_error";
const overloaded = "overloaded_error";

/** The closed set of error codes and the one table that maps them to every surface. */
export const errorTable = {
  /** A field of the request is missing, of the wrong type or out of range. */
  invalid_request: { grpcStatus: 3, httpStatus: 400, openaiType: invalid, isRetryable: false },
  /** Prompt and max tokens do not fit the model's context. */
  context_length_exceeded: { grpcStatus: 3, httpStatus: 400, openaiType: invalid, isRetryable: false },
  /** The pool has no such model; the message lists those that it has. */
  model_not_found: { grpcStatus: 5, httpStatus: 404, openaiType: invalid, isRetryable: false },
  /** No such path, request, node or replica. */
  not_found: { grpcStatus: 5, httpStatus: 404, openaiType: invalid, isRetryable: false },
  /** The response that a request goes on from is not kept here. */
  previous_response_not_found: { grpcStatus: 5, httpStatus: 400, openaiType: invalid, isRetryable: false },
  method_not_allowed: { grpcStatus: 12, httpStatus: 405, openaiType: invalid, isRetryable: false },
  payload_too_large: { grpcStatus: 3, httpStatus: 413, openaiType: invalid, isRetryable: false },
  unsupported_media_type: { grpcStatus: 3, httpStatus: 415, openaiType: invalid, isRetryable: false },
  /** The Host or Origin of the request is not one that this pool answers to. */
  forbidden_origin: { grpcStatus: 7, httpStatus: 403, openaiType: invalid, isRetryable: false },
  /** The object is in a state in which the call makes no sense. */
  failed_precondition: { grpcStatus: 9, httpStatus: 409, openaiType: invalid, isRetryable: false },
  /** Somebody else has changed it meanwhile: read it again, and decide anew. */
  conflict: { grpcStatus: 10, httpStatus: 409, openaiType: invalid, isRetryable: false },
  /** The central queue is full. */
  queue_full: { grpcStatus: 8, httpStatus: 429, openaiType: overloaded, isRetryable: true },
  /** So many connections are open, or so much is being sent at once, that no more is taken. */
  connections_full: { grpcStatus: 14, httpStatus: 503, openaiType: overloaded, isRetryable: true },
  /** The deadline passed while the request waited or ran. */
  deadline_exceeded: { grpcStatus: 4, httpStatus: 429, openaiType: overloaded, isRetryable: true },
  /** No replica of the model is ready now. */
  model_not_ready: { grpcStatus: 14, httpStatus: 503, openaiType: overloaded, isRetryable: true },
  /** The model cannot be loaded anywhere; the message says why. */
  model_failed: { grpcStatus: 14, httpStatus: 503, openaiType: server, isRetryable: false },
  /** Every slot of the replica is taken. */
  slots_full: { grpcStatus: 8, httpStatus: 503, openaiType: overloaded, isRetryable: true },
  /** A replica does not fit the memory budget. */
  insufficient_memory: { grpcStatus: 8, httpStatus: 503, openaiType: server, isRetryable: false },
  /** The file is not a GGUF model, is damaged, or the engine refuses it. */
  invalid_model: { grpcStatus: 9, httpStatus: 503, openaiType: server, isRetryable: false },
  /** A file is not what its digest promised, or its source stalls, lies or is not to be trusted. */
  transfer_failed: { grpcStatus: 14, httpStatus: 502, openaiType: server, isRetryable: true },
  /** The disk has no room for the file. */
  disk_full: { grpcStatus: 8, httpStatus: 507, openaiType: server, isRetryable: true },
  /** The engine worker died. */
  engine_crashed: { grpcStatus: 14, httpStatus: 500, openaiType: server, isRetryable: true },
  /** The node does not answer. */
  node_lost: { grpcStatus: 14, httpStatus: 503, openaiType: server, isRetryable: true },
  /** None of the coordinators is active now, or the active one does not answer. */
  no_active_coordinator: { grpcStatus: 14, httpStatus: 503, openaiType: overloaded, isRetryable: true },
  /** Another coordinator has become the active one since: the one that called is none any more. */
  superseded: { grpcStatus: 9, httpStatus: 503, openaiType: overloaded, isRetryable: true },
  cancelled: { grpcStatus: 1, httpStatus: 499, openaiType: invalid, isRetryable: false },
  /** The process is stopping. */
  shutting_down: { grpcStatus: 14, httpStatus: 503, openaiType: overloaded, isRetryable: true },
  /** The set-up of this machine is wrong: a port is taken, a program is missing, a directory cannot be written. */
  setup_failed: { grpcStatus: 9, httpStatus: 500, openaiType: server, isRetryable: false },
  /** A bug. */
  internal: { grpcStatus: 13, httpStatus: 500, openaiType: server, isRetryable: false },
} as const satisfies Record<string, ErrorSurface>;

/** A stable code: what clients, logs and metrics name an error by. */
export type ErrorCode = keyof typeof errorTable;

/** Narrows a code that came over a wire; unknown ones become `internal`. */
export function parseErrorCode(code: string): ErrorCode {
  return Object.hasOwn(errorTable, code) ? (code as ErrorCode) : "internal";
}

/** The error itself, or an `internal` one around anything else that was thrown. */
export function toPomonaError(thrown: unknown): PomonaError {
  if (thrown instanceof PomonaError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new PomonaError("internal", message, { cause: thrown });
}
