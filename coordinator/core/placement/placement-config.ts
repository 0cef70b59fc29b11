/** Times of the placement, in seconds (scheduling study, 2.5, unless another source is named). */
export type PlacementConfig = {
  /** A replica is a victim only after it was idle for this long (10)... */
  readonly victimIdle: number;
  /** ... or for this long where requests wait for a model that is nowhere (1). */
  readonly neededVictimIdle: number;
  /** ... and has been ready for so many times its load (3): less costs loads, more costs latency. */
  readonly residencyFactor: number;
  /** The last replica of a model that was asked for within this time is no victim, unless requests wait for one that is nowhere (60). */
  readonly lastUsedWithin: number;
  /** Requests for a model that is nowhere wait this long until a busy replica is made to give way (2). */
  readonly giveWayAfter: number;
  /** Waiting beyond this presses for a replica more (8) ... */
  readonly pressureWait: number;
  /** ... when it lasts (4), and this long after the last load (8). */
  readonly pressureLasts: number;
  readonly pressurePause: number;
  /** A node that is lost keeps its place for this long (30): it may only have been restarted. */
  readonly lossGrace: number;
  /** A drained node keeps the last replica of a model for this long at most, while it is loaded elsewhere (120): our own figure. */
  readonly drainPatience: number;
};

export const defaultPlacementConfig: PlacementConfig = {
  victimIdle: 10,
  neededVictimIdle: 1,
  residencyFactor: 3,
  lastUsedWithin: 60,
  giveWayAfter: 2,
  pressureWait: 8,
  pressureLasts: 4,
  pressurePause: 8,
  lossGrace: 30,
  drainPatience: 120,
};
