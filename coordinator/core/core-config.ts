// Limits and times of all that the coordinator decides, with their defaults.
import { type CheckpointConfig, defaultCheckpointConfig } from "./checkpoint-gain.ts";
import { defaultEjectionConfig, type EjectionConfig } from "./ejection-config.ts";
import { defaultPlacementConfig, type PlacementConfig } from "./placement/placement-config.ts";
import { defaultPlannedMovesConfig, type PlannedMovesConfig } from "./planned-moves-config.ts";
import { defaultSchedulerConfig, type SchedulerConfig } from "./scheduler/scheduler-state.ts";

/** Limits and times of the decisions; milliseconds. */
export type CoreConfig = {
  readonly heartbeatIntervalMs: number;
  /** Heartbeats missed until a node is suspect (3). */
  readonly suspectAfterMissed: number;
  /** Heartbeats missed until it is dead (5). */
  readonly deadAfterMissed: number;
  /** A coordinator without a tick for so long did not run, and takes nothing amiss that fell into that time (300 ms). */
  readonly absenceMs: number;
  /** Streams whose nodes are gone are told so when no node at all could be reached for so long (700 ms). */
  readonly allGoneMs: number;
  readonly membersMax: number;
  readonly queueLengthMax: number;
  readonly queueLengthPerModelMax: number;
  /** Attempts lost until a request fails (3). */
  readonly movesMax: number;
  /** Engine crashes of one request until it fails (2). */
  readonly engineCrashesMax: number;
  /** A suspect waits so long for a replica that is empty anyway (2 s), before one is kept free of others for it. */
  readonly quarantineWaitMs: number;
  /** Longest wait for a frame of a replica that has not measured its speed: while prompts are evaluated ... */
  readonly prefillProgressMs: number;
  /** ... and after the first token. */
  readonly decodeProgressMs: number;
  /** The same for one that has: so many times what is predicted, and at least so long (contract, Time: 10 and 2 s). */
  readonly progressFactor: number;
  readonly progressMinMs: number;
  readonly ejection: EjectionConfig;
  readonly plannedMoves: PlannedMovesConfig;
  readonly checkpoints: CheckpointConfig;
  /** A request that killed engines is refused for so long when it is sent again (10 min). */
  readonly poisonMs: number;
  readonly loadRetryMinMs: number;
  readonly loadRetryMaxMs: number;
  /** Loads that may fail in a row until the node is given up for the model (5). */
  readonly loadRetriesMax: number;
  /** Failures that lie this far back do not lengthen the back-off. */
  readonly loadForgivenMs: number;
  /** How long a replica is asked nothing after it lost an attempt: by then a heartbeat says how it is. */
  readonly avoidAfterLossMs: number;
  /** The same after it refused for want of a slot: by then the slot of a cancelled attempt is free. */
  readonly avoidAfterRefusalMs: number;
  /** Part of the names of replicas; differs between two starts of a coordinator. */
  readonly replicaPrefix: string;
  /** How long a request waits for a model that is being loaded. */
  readonly loadPatienceMs: number;
  readonly placement: PlacementConfig;
  readonly scheduler: SchedulerConfig;
};

/** The contract's times. The progress deadlines are generous until node profiles predict a step. */
export const defaultCoreConfig: CoreConfig = {
  heartbeatIntervalMs: 500,
  suspectAfterMissed: 3,
  deadAfterMissed: 5,
  absenceMs: 300,
  allGoneMs: 700,
  membersMax: 256,
  queueLengthMax: 1024,
  queueLengthPerModelMax: 1024,
  movesMax: 3,
  engineCrashesMax: 2,
  quarantineWaitMs: 2000,
  prefillProgressMs: 30_000,
  decodeProgressMs: 10_000,
  progressFactor: 10,
  progressMinMs: 2000,
  ejection: defaultEjectionConfig,
  plannedMoves: defaultPlannedMovesConfig,
  checkpoints: defaultCheckpointConfig,
  poisonMs: 600_000,
  loadRetryMinMs: 2000,
  loadRetryMaxMs: 60_000,
  loadRetriesMax: 5,
  loadForgivenMs: 600_000,
  avoidAfterLossMs: 1000,
  avoidAfterRefusalMs: 100,
  replicaPrefix: "r",
  loadPatienceMs: 120_000,
  placement: defaultPlacementConfig,
  scheduler: defaultSchedulerConfig,
};
