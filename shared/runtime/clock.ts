/** Where time comes from. Cores get `nowMs` as an argument; only the loops read a clock. */
export type Clock = {
  /** Monotonic milliseconds since an arbitrary start of this process: for spans, leases and deadlines. */
  nowMs(): number;
  /** Milliseconds since 1970, which may jump: for what people and other machines read. */
  wallMs(): number;
};

/** The clock of this machine. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
};
