/** When a node is left out, and for how long. */
export type EjectionConfig = {
  /** The first time (1 s); each further one is twice as long ... */
  readonly minMs: number;
  /** ... up to this (60 s). */
  readonly maxMs: number;
  /** A node that has not disturbed for so long after an ejection begins anew (5 min). */
  readonly forgivenMs: number;
  /** Streams are slow below this share of what they usually are, and of how those of other nodes are then (0.25) ... */
  readonly slowShare: number;
  /** ... when it lasts so long (1 s), and so many tokens were due (4). */
  readonly slowMs: number;
  /** How fast what is usual follows what is (10 s). */
  readonly usualHalfLifeMs: number;
  readonly slowTokensMin: number;
  /** What lies this far back counts half in a node's pace (400 ms): ten times slower, it is noticed after 2 s. */
  readonly paceHalfLifeMs: number;
  /** A node that has sent nothing for so long (500 ms) is not slow but silent, which is another limit's affair. */
  readonly silentMs: number;
};

/** Times of outlier ejection as in reliability.md, rows 7 and 8. */
export const defaultEjectionConfig: EjectionConfig = {
  minMs: 1000,
  maxMs: 60_000,
  forgivenMs: 300_000,
  slowShare: 0.25,
  slowMs: 1000,
  usualHalfLifeMs: 10_000,
  slowTokensMin: 4,
  paceHalfLifeMs: 400,
  silentMs: 500,
};
