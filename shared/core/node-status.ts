// A node's sign of life as plain values: what heartbeats carry, whichever way they come.
import type { EngineOptions } from "./engine-options.ts";
import type { GenerationFailure } from "./generation.ts";
import type { ModelName, NodeId, ReplicaId, RequestId } from "./ids.ts";
import type { ModelFile, StoredFile } from "./model-files.ts";
import type { ReplicaMemory } from "./replica-memory.ts";
import type { SpeedProfile } from "./speed-profile.ts";

export type NodeStatus = {
  readonly nodeId: NodeId;
  /** Counts the starts of this node-agent. */
  readonly incarnation: number;
  /** Counts the heartbeats of this incarnation. */
  readonly sequence: number;
  readonly state: "serving" | "draining";
  /** host:port of the Node service. */
  readonly grpcAddress: string;
  readonly hostname: string;
  readonly version: string;
  readonly capacity: NodeCapacity;
  readonly replicas: readonly ReplicaStatus[];
  readonly thermalState: ThermalState;
  readonly power: PowerStatus;
  readonly heartbeatIntervalMs: number;
  /** Files of the store, and those that replicas use where they lie. */
  readonly files: readonly StoredFile[];
  /** Attempts that have ended and can still be attached. They hold no slot, and their replica may have gone. */
  readonly endedAttempts: readonly RunningAttempt[];
  /** Of nodes that have sent something here. */
  readonly lines: readonly PeerLine[];
};

/** How fast another node was when it sent something. */
export type PeerLine = {
  /** host:port of its Node service, as the coordinator named it. */
  readonly address: string;
  readonly bytesPerSecond: number;
};

export type NodeCapacity = {
  /** Unified memory of the machine. */
  readonly memoryBytes: number;
  /** What models may use. */
  readonly budgetBytes: number;
  /** What of the budget no replica has reserved. */
  readonly freeBytes: number;
  readonly chip: string;
  readonly gpu: "metal" | "cpu";
  readonly cpuCores: number;
  /** Of the disk that holds the store; 0 while unknown. */
  readonly diskBytes: number;
  readonly diskFreeBytes: number;
  /** What estimates are multiplied by, because replicas here were larger than estimated; 1 for nothing. */
  readonly memoryCorrection: number;
  readonly memoryPressure: MemoryPressure;
  /** `unknown` also where the node does not make way for its owner. */
  readonly ownerState: OwnerState;
};

export type MemoryPressure = "unknown" | "normal" | "warning" | "critical";
export type OwnerState = "unknown" | "active" | "away";

export type ThermalState = "unknown" | "nominal" | "fair" | "serious" | "critical";
export type PowerStatus = {
  readonly source: "unknown" | "mains" | "battery";
  /** null when unknown. */
  readonly watts: number | null;
};

export type ReplicaStatus = {
  readonly replicaId: ReplicaId;
  readonly model: ModelName;
  readonly state: ReplicaState;
  readonly slots: number;
  readonly running: readonly RunningAttempt[];
  /** Tokens per slot. */
  readonly contextLength: number;
  readonly memory: ReplicaMemory;
  /** Why it failed, or why its engine died when it is loading again; else null. */
  readonly failure: GenerationFailure | null;
  readonly loadMs: number;
  /** Process id of the engine worker; null when there is none. */
  readonly pid: number | null;
  /** SHA-256 of the model's file, 64 hex digits; empty while unknown. */
  readonly digest: string;
  /** What it need not evaluate again. */
  readonly held: readonly HeldPrefix[];
  /** What its steps have shown; null until something was measured. */
  readonly speed: SpeedProfile | null;
  /** Of the specification that it was loaded with; empty for none. */
  readonly revision: string;
};

/** A sequence whose KV a replica holds. */
export type HeldPrefix = {
  readonly place: "slot" | "ram" | "disk";
  /** Which slot; null for a saved state. */
  readonly slot: number | null;
  readonly tokens: number;
  /** See `prefixHashes`. */
  readonly hashes: readonly number[];
};

export type ReplicaState = "loading" | "ready" | "failed" | "unloading";

export type RunningAttempt = {
  readonly requestId: RequestId;
  readonly epoch: number;
  /** Nobody reads it: its coordinator is gone, or cannot be reached. */
  readonly isOrphaned: boolean;
};

/** What to load: the same on every node. */
export type ReplicaSpec = {
  readonly model: ModelName;
  /** `builtin:tiny`, or an absolute path on the node. */
  readonly source: string;
  readonly slots: number;
  /** Tokens per slot; null means the smaller of the trained context and 8,192. */
  readonly contextLength: number | null;
  readonly engine: EngineOptions;
  /** The model's files in the node's store; empty when it is loaded from where the source lies. */
  readonly files: readonly ModelFile[];
  /** Names this way to run the model: whoever asks tells an old replica from a new one by it. */
  readonly revision: string;
};

/** Of a specification that names a source alone. */
export const loadedInPlace: Pick<ReplicaSpec, "files" | "revision"> = { files: [], revision: "" };

/** Of a machine that tells no more than its memory. */
export const untold: Pick<
  NodeCapacity,
  "diskBytes" | "diskFreeBytes" | "memoryCorrection" | "memoryPressure" | "ownerState"
> = { diskBytes: 0, diskFreeBytes: 0, memoryCorrection: 1, memoryPressure: "unknown", ownerState: "unknown" };
