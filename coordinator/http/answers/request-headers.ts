// What the headers of a request say beside the body, for all APIs alike.
import { PomonaError } from "@pomona/shared/core/errors";
import type { PromptInput } from "@pomona/shared/core/generation";
import type { FastifyRequest } from "fastify";
import { parseIdempotencyKey, parsePriority, tenantOf } from "../../caller.ts";
import type { Caller, GenerationRequest } from "../../core/generation-request.ts";
import { lastEventHeader, parseEventId, type SeenEvent } from "./event-ids.ts";

/** How soon the answer is wanted. */
const priorityHeader = "x-pomona-priority";

/** Sent again with the same key, a request attaches to the one that runs. */
const idempotencyHeader = "idempotency-key";

/** Who asks, as the address and the headers tell. */
export function requestCaller(request: FastifyRequest, signal: AbortSignal): Caller {
  return {
    tenant: tenantOf(request.ip),
    priority: parsePriority(headerOf(request, priorityHeader), priorityHeader),
    signal,
  };
}

/** Of one choice of the answer; empty for none. @throws PomonaError `invalid_request` for what cannot be a key. */
export function idempotencyKeyOf(request: FastifyRequest, choice: number): string {
  const key = parseIdempotencyKey(headerOf(request, idempotencyHeader), idempotencyHeader);
  return key === "" || choice === 0 ? key : `${key}#${choice}`;
}

/** What the client has of the answer; null when it asks for it anew. @throws PomonaError `invalid_request` for no id. */
export function seenOf(request: FastifyRequest): SeenEvent | null {
  const text = headerOf(request, lastEventHeader);
  return text === undefined || text === "" ? null : parseEventId(text);
}

/** `true` says that the system's messages are no secret: what they leave in slots serves other tenants too. */
const sharedSystemHeader = "x-pomona-shared-system-prompt";

/** @throws PomonaError `invalid_request` for a declaration that is neither true nor false. */
export function withSharing(asked: GenerationRequest, request: FastifyRequest): GenerationRequest {
  const declared = headerOf(request, sharedSystemHeader);
  if (declared === undefined || declared === "false") return asked;
  if (declared !== "true")
    throw new PomonaError("invalid_request", `${sharedSystemHeader} must be true or false`, {
      field: sharedSystemHeader,
    });
  const input: PromptInput = asked.input.kind === "chat" ? { ...asked.input, isSystemShared: true } : asked.input;
  return { ...asked, input };
}

export function headerOf({ headers }: FastifyRequest, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(",") : value;
}
