// From anything that was thrown to an answer in the error shape of the API that was called.
import type { Socket } from "node:net";
import { errorTable, PomonaError } from "@pomona/shared/core/errors";
import type { Logger } from "@pomona/shared/runtime/logger";
import { randomId } from "@pomona/shared/runtime/random-id";
import type { FastifyReply } from "fastify";
import { errorBody as anthropicBody, errorStatus as anthropicStatus } from "./anthropic/error-body.ts";
import { apiOf } from "./api-of.ts";
import { notJson } from "./bodies/json-body.ts";
import { errorBody as ollamaBody } from "./ollama/error-body.ts";
import { errorBody, errorHeaders } from "./openai/error-body.ts";

export function sendError(reply: FastifyReply, error: PomonaError): FastifyReply {
  const { code } = error;
  reply.headers(errorHeaders(error));
  switch (apiOf(reply.request)) {
    case "anthropic": {
      const { id } = reply.request;
      return reply.header("request-id", id).status(anthropicStatus(code)).send(anthropicBody(error, id));
    }
    case "ollama":
      return reply.status(errorTable[code].httpStatus).send(ollamaBody(error));
    case "openai":
      return reply.status(errorTable[code].httpStatus).send(errorBody(error));
  }
}

/** What the client may know of an error. A bug is logged, without its message, and the client gets its request id. */
export function publicError(thrown: unknown, { log, requestId }: { log: Logger; requestId: string }): PomonaError {
  if (thrown instanceof PomonaError && thrown.code !== "internal") return thrown;
  // Messages of foreign errors may quote what the client wrote; our own do not (shared/core/errors.ts).
  const cause = thrown instanceof PomonaError ? thrown.message : thrown instanceof Error ? thrown.name : typeof thrown;
  log.error({ requestId, cause, stack: stackLines(thrown) }, "request failed inside");
  return new PomonaError("internal", `this is a fault of the pool: its log has the reason under request ${requestId}`);
}

function stackLines(thrown: unknown): string[] {
  if (!(thrown instanceof Error)) return [];
  return (thrown.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
}

/** Errors of fastify itself by their status; null when it is none. */
export function frameworkError(thrown: unknown): PomonaError | null {
  if (!(thrown instanceof Error) || !("statusCode" in thrown) || !("code" in thrown)) return null;
  switch (thrown.statusCode) {
    case 415:
      return notJson();
    case 400:
      return new PomonaError("invalid_request", `the request cannot be read: ${thrown.message.slice(0, 300)}`);
    default:
      return null;
  }
}

/** Answers what is no HTTP request at all, or came too slowly, and closes the connection. */
export function refuseConnection(error: { readonly code?: string }, socket: Socket): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const [status, message] = connectionFault(error.code);
  socket.end(rawAnswer(status, new PomonaError("invalid_request", message)), () => socket.destroy());
}

/** Answers who would have this server be a proxy, and closes the connection. */
export function refuseTunnel(socket: Socket): void {
  const refusal = new PomonaError("method_not_allowed", "this server connects to no other: CONNECT is not taken");
  socket.end(rawAnswer("405 Method Not Allowed", refusal), () => socket.destroy());
}

export function connectionsFull(): PomonaError {
  return new PomonaError("connections_full", "too many connections are open: close some, or try again in a moment", {
    retryAfterMs: 1000,
  });
}

/** Says so before anything was asked, and gives the connection's file free before it returns. */
export function closeAsFull(socket: Socket): void {
  socket.write(rawAnswer("503 Service Unavailable", connectionsFull()));
  socket.destroy();
}

/** What no framework has a part in. */
function rawAnswer(status: string, error: PomonaError): string {
  const body = JSON.stringify(errorBody(error));
  const head = [
    `HTTP/1.1 ${status}`,
    "connection: close",
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${randomId()}`,
    ...Object.entries(errorHeaders(error)).map(([name, value]) => `${name}: ${value}`),
  ];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}

function connectionFault(code: string | undefined): readonly [status: string, message: string] {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return ["408 Request Timeout", "the request came too slowly"];
  if (code === "HPE_HEADER_OVERFLOW") return ["431 Request Header Fields Too Large", "the headers are too large"];
  return ["400 Bad Request", "this is not an HTTP request that can be read"];
}
