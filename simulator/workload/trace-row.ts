/** One request of a trace, real or generated, before it is thinned to the load that is wanted. */
export type TraceRow = {
  /** From the beginning of the trace. */
  readonly atMs: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** Ids of the whole blocks of the prompt, `blockTokens` each: equal ids stand for equal tokens. */
  readonly blocks: readonly number[];
  /** Requests of a conversation have the same number, and are kept or dropped together. */
  readonly session: number;
};
