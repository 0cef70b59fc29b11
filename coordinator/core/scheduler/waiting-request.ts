import type { NodeId, TenantId } from "@pomona/shared/core/ids";

/** Interactive work is due soon; batch work gets slots that nobody else waits for. */
export type Priority = "interactive" | "batch";

/** The state of a request that ran elsewhere. */
export type Checkpoint = {
  readonly nodeId: NodeId;
  /** That need not be evaluated there; 0 while it is on its way. */
  readonly tokens: number;
};

/** What the scheduler looks at in a request. Times are milliseconds of one monotonic clock. */
export type WaitingRequest = {
  readonly tenant: TenantId;
  readonly priority: Priority;
  readonly promptTokenIds: readonly number[];
  readonly emittedTokenIds: readonly number[];
  /** Names of the prompt's beginnings, see `prefixHashes`. */
  readonly prefixHashes: readonly number[];
  /** What a node holds for it alone; null for nothing. */
  readonly checkpoint?: Checkpoint | null;
  /** With `logsPrompt` all of its prompt is evaluated, whatever is held of it. */
  readonly decoding: { readonly maxTokens: number; readonly logsPrompt?: boolean };
  readonly arrivedAtMs: number;
  readonly queuedAtMs: number;
  /** When its first token should come. */
  readonly dueMs: number;
  /** Counts arrivals. */
  readonly order: number;
};
