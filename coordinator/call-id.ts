import type { RequestId } from "@pomona/shared/core/ids";

/**
 * The id of a call of a tool, the same on every coordinator that goes on with the request. Nine letters and digits: the
 * templates of Mistral's models take no others. `requestId` is that of the first choice, whatever `choice` it is.
 */
export function callId(requestId: RequestId, index: number, choice = 0): string {
  return requestId.slice(0, 6) + (choice * callsOfChoice + index).toString(36).padStart(3, "0");
}

/** Keeps the ids of calls in several choices apart. */
const callsOfChoice = 1000;
