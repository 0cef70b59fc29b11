// What placement decides from: nodes with what they hold, models with what is wanted of them. Plain values, so that a
// plan of what would be and the pool's own decisions come from the same functions.
import type { ModelName, NodeId, ReplicaId } from "@pomona/shared/core/ids";
import type { ReplicaMemory } from "@pomona/shared/core/replica-memory";

export type PlacementProblem = {
  readonly nodes: readonly PlacementNode[];
  readonly models: readonly PlacementModel[];
};

/** A node that is alive. Seconds. */
export type PlacementNode = {
  readonly nodeId: NodeId;
  /** What models may use of it, and what of that other programs have. */
  readonly budgetBytes: number;
  readonly otherBytes: number;
  /** Whether anything may be loaded there now: reachable, not cordoned, not short of memory. */
  readonly canLoad: boolean;
  /** Whether everything there has to go. */
  readonly isDraining: boolean;
  /** For how long it has been; 0 for others. */
  readonly drainingFor: number;
  /** Whether a model is being loaded there: one at a time. */
  readonly loadingLeft: number | null;
  /** All that hold memory. */
  readonly replicas: readonly PlacementReplica[];
};

export type PlacementReplica = {
  readonly replicaId: ReplicaId;
  readonly model: ModelName;
  readonly memory: ReplicaMemory;
  /** `loading` is on its way; `leaving` gets nothing new and goes when it is idle. */
  readonly state: "loading" | "ready" | "leaving";
  /** Whether it runs as its deployment says now. */
  readonly isCurrent: boolean;
  readonly isBusy: boolean;
  /** Whether another one was loaded elsewhere to take its place. */
  readonly isMoving: boolean;
  /** Since it last ran anything, and since it was ready. */
  readonly idleFor: number;
  readonly residentFor: number;
  /** What it takes to have it back. */
  readonly reloadSeconds: number;
};

export type PlacementModel = {
  readonly model: ModelName;
  readonly priority: number;
  readonly isPinned: boolean;
  readonly min: number;
  /** Infinity for one on every node. */
  readonly max: number;
  readonly keepAlive: number;
  /** Since anyone last asked for it. */
  readonly idleFor: number;
  /** Requests that wait for it, and for how long the first of them has. */
  readonly waiting: number;
  readonly waitingFor: number;
  /** Whether those that wait would be better off with one replica more. */
  readonly isPressed: boolean;
  /** Replicas on nodes that are not heard of now and may be back: they count, but nobody can be sent there. */
  readonly missing: number;
  /** Share of one replica's time that is asked for, as measured; 0 when nobody asks. */
  readonly utilisation: number;
  /** Bytes of a replica: the biggest models are placed first. */
  readonly bytes: number;
  /** Nodes that could have it. */
  readonly options: ReadonlyMap<NodeId, LoadOption>;
};

/** What it means to load a model on a node. Seconds. */
export type LoadOption = {
  readonly memory: ReplicaMemory;
  /** Until it answers, the transfer of its files included. */
  readonly readyIn: number;
  /** Whether the files are there: a transfer comes before the load. */
  readonly hasFiles: boolean;
  /** Of one request of the usual size. */
  readonly requestSeconds: number;
  /** Whether a failed load is waited out: its room is kept, nothing is asked. */
  readonly isWaiting: boolean;
};

export const evictionReasons = [
  "demand",
  "idle",
  "drain",
  "memory",
  "replaced",
  "moved",
  "surplus",
  "removed",
] as const;
/** Why a replica goes; the label of a metric. */
export type EvictionReason = (typeof evictionReasons)[number];

export type PlacementDecision =
  | {
      readonly kind: "load";
      readonly nodeId: NodeId;
      readonly model: ModelName;
      readonly reason: string;
      /** The replica elsewhere whose place it takes: that one leaves when this one is ready. */
      readonly insteadOf?: ReplicaId;
    }
  /** Brings the files first. */
  | { readonly kind: "fetch"; readonly nodeId: NodeId; readonly model: ModelName; readonly reason: string }
  | {
      readonly kind: "retire";
      readonly nodeId: NodeId;
      readonly replicaId: ReplicaId;
      readonly model: ModelName;
      readonly eviction: EvictionReason;
      readonly reason: string;
    };
