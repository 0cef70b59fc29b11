// Ids of calls as this API names them: none may come twice in a conversation, however long it gets. Templates of some models
// take nine letters and digits and no more: a call that comes back is told them by its short id.
import type { RequestId } from "@pomona/shared/core/ids";
import { callId } from "../../call-id.ts";

const prefix = "toolu_";

/** Of the request, in hexadecimal digits: as long as the API's own ids. */
const requestDigits = 21;

const ownId = /^toolu_([0-9a-f]{21})([0-9a-z]{3})$/;

export function outerCallId(requestId: RequestId, index: number): string {
  const short = callId(requestId, index);
  return prefix + requestId.slice(0, requestDigits) + short.slice(-3);
}

export function innerCallId(id: string): string {
  const [, request, index] = ownId.exec(id) ?? [];
  if (request !== undefined && index !== undefined) return request.slice(0, 6) + index;
  return id.startsWith(prefix) && id.length > prefix.length ? id.slice(prefix.length) : id;
}
