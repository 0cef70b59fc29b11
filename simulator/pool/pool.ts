// What every pool in the harness is: machines with models on virtual time, a log, and something that routes.
import { type FileSource, loadSeconds, type MachineProfile } from "../engine/machine-profile.ts";
import type { VirtualTime } from "../virtual-time.ts";
import type { WorkloadRequest } from "../workload/sample.ts";
import type { RequestLog } from "./request-log.ts";

/** A model of the pool, and how fast each machine runs it. */
export type PoolModel = {
  readonly name: string;
  /** What a replica reserves, its slots' KV included. */
  readonly bytes: number;
  readonly weightsBytes: number;
  /** Where a machine finds its file. */
  readonly files: FileSource;
  /** Whether a machine has it on its own SSD from then on. */
  readonly isKept: boolean;
  /** Its figures on a machine. */
  readonly profileOn: (machine: MachineProfile) => MachineProfile;
};

/** Machines and what may run on them. */
export type PoolParts = {
  readonly time: VirtualTime;
  readonly machines: readonly MachineProfile[];
  readonly models: readonly PoolModel[];
  /** The one model of each machine where nothing is ever moved; null when all machines are filled. */
  readonly fixed: readonly string[] | null;
  /** Saved states of a machine; 0 for no store. */
  readonly savedStates: number;
  readonly log: RequestLog;
  /** Whether requests that wait beyond that time are refused. */
  readonly dropsLate: boolean;
};

export type Pool = {
  /** Whether requests may begin to come. */
  readonly isReady: () => boolean;
  readonly submit: (request: WorkloadRequest) => void;
  /** A machine loses its power, and has it again after a while. */
  readonly loseMachine: (index: number, downMs: number) => void;
  /** Replicas that machines have begun to load so far. */
  readonly loads: number;
  /** Rules that were broken; empty in a good run. */
  readonly problems: readonly string[];
};

/** What models may use of a machine's memory (study 2.5). */
export const memoryShare = 0.72;

/** The study's model: 32B in Q4, of which `MachineProfile` holds the figures. It fits every machine of its fleets. */
export function fittingModel(name: string): PoolModel {
  return { name, bytes: 22e9, weightsBytes: 19.8e9, files: "ssd", isKept: true, profileOn: (machine) => machine };
}

/** Models that a machine holds: the biggest first, as long as they fit. */
export function fittingModels(machine: MachineProfile, models: readonly PoolModel[]): PoolModel[] {
  let freeBytes = memoryShare * machine.memoryBytes;
  const held: PoolModel[] = [];
  for (const model of [...models].sort((a, b) => b.bytes - a.bytes)) {
    if (model.bytes > freeBytes) continue;
    freeBytes -= model.bytes;
    held.push(model);
  }
  return held;
}

/** Milliseconds until a model answers on a machine, which may have loaded it before. */
export function loadMsOf({ weightsBytes, files, isKept }: PoolModel, wasLoaded: boolean): number {
  return 1000 * loadSeconds(weightsBytes, wasLoaded && isKept ? "ssd" : files);
}
