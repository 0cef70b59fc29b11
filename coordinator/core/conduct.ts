// How a node has behaved lately.

/** How fast streams are, against what the node's own profile says of its best time. */
export type Pace = {
  /** Tokens that were due and that came, both fading with time. */
  dueTokens: number;
  cameTokens: number;
  /** What came of what was due while nothing was wrong: profiles are never quite right. null before the first tokens. */
  usualShare: number | null;
  /** How many streams there were then. */
  usualStreams: number;
  /** Since when too few came. */
  slowSinceMs: number | null;
  reviewedAtMs: number;
};

/** A node that gets no work for a while, because it lost or delayed what it had. */
export type Ejection = {
  readonly reason: EjectionReason;
  /** How often in a row. */
  readonly count: number;
  readonly atMs: number;
  readonly untilMs: number;
};

export type EjectionReason = "lost" | "slow" | "wrong_frames";
