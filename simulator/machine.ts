// What a simulated machine is and keeps, whichever process runs on it, and what surrounds that process.
import type { CoordinatorTerms } from "@pomona/node-agent/core/coordinator-terms";
import type { ModelName, NodeId, RequestId } from "@pomona/shared/core/ids";
import type { NamedFile } from "@pomona/shared/core/model-files";
import type { ReplicaMemory } from "@pomona/shared/core/replica-memory";
import type { Random } from "./random.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** What a machine is, whichever process runs on it. */
export type Machine = {
  readonly nodeId: NodeId;
  readonly address: string;
  readonly budgetBytes: number;
  readonly prefillTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
  readonly loadMs: number;
};

/** A model's file as a node finds it. */
export type ModelFile = { readonly memory: ReplicaMemory; readonly contextLength: number; readonly isBroken: boolean };

/** What an injected fault has in store for the next load, attempt or frame of tokens. */
export type PlannedFaults = {
  failLoads: number;
  failPulls: number;
  refuseAttempts: number;
  loseTokens: number;
  duplicateFrames: number;
  lateFrames: number;
  alienFrames: number;
};

export function nothingPlanned(): PlannedFaults {
  return {
    failLoads: 0,
    failPulls: 0,
    refuseAttempts: 0,
    loseTokens: 0,
    duplicateFrames: 0,
    lateFrames: 0,
    alienFrames: 0,
  };
}

/** Files on a machine's disk, by digest. Processes come and go, they stay. */
export type Disk = Map<string, NamedFile>;

/** The terms of coordinators that a machine has heard of. */
export type KnownTerms = { known: CoordinatorTerms };

export type NodeSurroundings = {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly files: ReadonlyMap<string, ModelFile>;
  readonly planned: PlannedFaults;
  readonly disk: Disk;
  /** Kept on the disk too. */
  readonly terms: KnownTerms;
  /** Whether it finds a model's files where the source says. */
  readonly hasInPlace: (model: ModelName) => boolean;
  readonly complain: (problem: string) => void;
  /** A planned fault took hold. */
  readonly onFault: (kind: keyof PlannedFaults) => void;
  /** A request killed an engine. */
  readonly onPoisoned: (requestId: RequestId) => void;
};
