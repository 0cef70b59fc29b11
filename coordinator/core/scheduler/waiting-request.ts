import type { TenantId } from "@pomona/shared/core/ids";

/** Interactive work is due soon; batch work gets slots that nobody else waits for. */
export type Priority = "interactive" | "batch";

/** What the scheduler looks at in a request. Times are milliseconds of one monotonic clock. */
export type WaitingRequest = {
  readonly tenant: TenantId;
  readonly priority: Priority;
  readonly promptTokenIds: readonly number[];
  readonly emittedTokenIds: readonly number[];
  /** Names of the prompt's beginnings, see `prefixHashes`. */
  readonly prefixHashes: readonly number[];
  readonly decoding: { readonly maxTokens: number };
  readonly arrivedAtMs: number;
  readonly queuedAtMs: number;
  /** When its first token should come. */
  readonly dueMs: number;
  /** Counts arrivals. */
  readonly order: number;
};
