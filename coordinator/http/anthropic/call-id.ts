// Ids of calls as this API names them. Templates of some models take nine letters and digits and no more, so that the prefix is
// taken off again when a call comes back.
import type { RequestId } from "@pomona/shared/core/ids";
import { callId } from "../../call-id.ts";

const prefix = "toolu_";

export function outerCallId(requestId: RequestId, index: number): string {
  return prefix + callId(requestId, index);
}

export function innerCallId(id: string): string {
  return id.startsWith(prefix) && id.length > prefix.length ? id.slice(prefix.length) : id;
}
