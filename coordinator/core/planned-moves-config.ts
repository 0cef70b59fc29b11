/** How running requests make way before anybody is lost. */
export type PlannedMovesConfig = {
  /** A node that is emptied keeps what has no free slot elsewhere for so long (3 s); then it waits in the queue. */
  readonly patienceMs: number;
  /** Batch work makes way when an interactive request has waited for so long (1 s) ... */
  readonly preemptAfterMs: number;
  /** ... unless it was moved, or bound, less than this ago (30 s, 2 s). */
  readonly preemptPauseMs: number;
  readonly preemptMinMs: number;
};

export const defaultPlannedMovesConfig: PlannedMovesConfig = {
  patienceMs: 3000,
  preemptAfterMs: 1000,
  preemptPauseMs: 30_000,
  preemptMinMs: 2000,
};
