/** When a node is left out, and for how long. */
export type EjectionConfig = {
  /** The first time (1 s); each further one is twice as long ... */
  readonly minMs: number;
  /** ... up to this (60 s). */
  readonly maxMs: number;
  /** A node that has not disturbed for so long after an ejection begins anew (5 min). */
  readonly forgivenMs: number;
  /** Streams are slow below this share of what they usually are, by what the node has measured (0.25) ... */
  readonly slowShare: number;
  /** ... when it lasts so long (2 s), and so many tokens were due (4). */
  readonly slowMs: number;
  /** How fast what is usual follows what is (10 s). */
  readonly usualHalfLifeMs: number;
  readonly slowTokensMin: number;
  /** What lies this far back counts half in a node's pace (500 ms). */
  readonly paceHalfLifeMs: number;
};

/** Times of outlier ejection as in reliability.md, rows 7 and 8. */
export const defaultEjectionConfig: EjectionConfig = {
  minMs: 1000,
  maxMs: 60_000,
  forgivenMs: 300_000,
  slowShare: 0.25,
  slowMs: 2000,
  usualHalfLifeMs: 10_000,
  slowTokensMin: 4,
  paceHalfLifeMs: 500,
};
