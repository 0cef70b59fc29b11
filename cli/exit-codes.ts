// Exit codes of every command (contract.md).
import type { PomonaError } from "@pomona/shared/core/errors";

export const exitCodes = { done: 0, failed: 1, wrongUsage: 2, unreachable: 3 } as const;

/** The exit code for an error that ends a command. */
export function exitCodeOf(error: PomonaError): number {
  if (error.code === "invalid_request") return exitCodes.wrongUsage;
  return exitCodes.failed;
}
