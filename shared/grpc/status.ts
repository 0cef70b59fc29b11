import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import {
  type ErrorCode,
  type ErrorDetails,
  errorTable,
  PomonaError,
  parseErrorCode,
  toPomonaError,
} from "../core/errors.ts";

// Trailing metadata of every error that Pomona sends. Clients that do not know it still get status and message.
const codeKey = "pomona-code";
const fieldKey = "pomona-field";
const retryAfterKey = "pomona-retry-after-ms";
const retryableKey = "pomona-retryable";

/** What a server answers with for anything thrown: the status of the code's table, the code itself in the metadata. */
export function toServiceError(thrown: unknown): ServiceError {
  const error = toPomonaError(thrown);
  const metadata = new Metadata();
  metadata.set(codeKey, error.code);
  metadata.set(retryableKey, String(error.isRetryable));
  // Metadata values are printable ASCII; a field path may hold what a client made up.
  if (error.field !== null) metadata.set(fieldKey, error.field.slice(0, 256).replace(/[^\x20-\x7e]/g, "?"));
  if (error.retryAfterMs !== null) metadata.set(retryAfterKey, String(Math.ceil(error.retryAfterMs)));
  return Object.assign(new Error(error.message), {
    code: errorTable[error.code].grpcStatus,
    details: error.message,
    metadata,
  });
}

/**
 * What a client makes of a failed call. Errors of other servers, and those that grpc-js makes itself, get the nearest
 * code: a broken connection is `node_lost`.
 */
export function fromServiceError(error: ServiceError): PomonaError {
  const details: { -readonly [Key in keyof ErrorDetails]: ErrorDetails[Key] } = { cause: error };
  const field = textOf(error.metadata, fieldKey);
  if (field !== null) details.field = field;
  const retryAfterMs = Number(textOf(error.metadata, retryAfterKey) ?? Number.NaN);
  if (Number.isFinite(retryAfterMs) && retryAfterMs >= 0) details.retryAfterMs = retryAfterMs;
  const message = error.details === "" ? error.message : error.details;
  return new PomonaError(codeOf(error.metadata) ?? codeOfForeignStatus(error), message, details);
}

/** The code of an error that a Pomona server made; null for one that grpc-js made on the way there. */
export function codeOf(metadata: Metadata): ErrorCode | null {
  const code = textOf(metadata, codeKey);
  return code === null ? null : parseErrorCode(code);
}

function textOf(metadata: Metadata | undefined, key: string): string | null {
  const value = metadata?.get(key)[0];
  return typeof value === "string" ? value : null;
}

function codeOfForeignStatus(error: ServiceError): ErrorCode {
  switch (error.code) {
    // The caller's own cancelling is told apart by its signal before this is asked: here the server reset the stream.
    case status.CANCELLED:
    case status.UNAVAILABLE:
      return "node_lost";
    case status.INVALID_ARGUMENT:
    case status.OUT_OF_RANGE:
      return "invalid_request";
    case status.DEADLINE_EXCEEDED:
      return "deadline_exceeded";
    case status.NOT_FOUND:
      return "not_found";
    case status.RESOURCE_EXHAUSTED:
      return error.details.includes("message larger than") ? "payload_too_large" : "queue_full";
    case status.FAILED_PRECONDITION:
      return "failed_precondition";
    case status.UNIMPLEMENTED:
      return "method_not_allowed";
    case status.PERMISSION_DENIED:
    case status.UNAUTHENTICATED:
      return "forbidden_origin";
    case status.INTERNAL:
      return /RST_STREAM|ECONNRESET|EPIPE|socket/i.test(error.details) ? "node_lost" : "internal";
    default:
      return "internal";
  }
}
