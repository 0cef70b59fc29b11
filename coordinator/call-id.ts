import type { RequestId } from "@pomona/shared/core/ids";

/**
 * The id of a call of a tool, the same on every coordinator that goes on with the request. Nine letters and digits: the
 * templates of Mistral's models take no others.
 */
export function callId(requestId: RequestId, index: number): string {
  return requestId.slice(0, 6) + index.toString(36).padStart(3, "0");
}
