// What `plan` says: where models are and would go, what does not fit and why, and what is lost with each node.
import type { DeploymentSpec } from "@pomona/shared/core/deployment";
import type { ModelName, NodeId } from "@pomona/shared/core/ids";
import type { ReplicaMemory } from "@pomona/shared/core/replica-memory";

/** What to suppose before planning. */
export type PlanRequest = {
  /** As if these had been put. */
  readonly deployments: readonly DeploymentSpec[];
  /** As if these had been removed. */
  readonly removedModels: readonly ModelName[];
  /** As if these had died. */
  readonly lostNodes: readonly NodeId[];
};

export type PlacementReport = {
  readonly nodes: readonly PlannedNode[];
  readonly models: readonly PlannedModel[];
};

export type PlannedNode = {
  readonly nodeId: NodeId;
  readonly hostname: string;
  readonly chip: string;
  /** Why it takes no models; empty where it does. */
  readonly excludedFor: string;
  readonly budgetBytes: number;
  /** Of the budget, after the plan. */
  readonly freeBytes: number;
  readonly replicas: readonly PlannedReplica[];
  /** Models that no other node could answer for if this one died. */
  readonly lostModels: readonly ModelName[];
};

export type PlannedReplica = {
  readonly model: ModelName;
  readonly action: "keep" | "load" | "unload";
  /** In a sentence. */
  readonly reason: string;
  readonly memory: ReplicaMemory;
  readonly prefillTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
  /** Whether the speeds were measured there, or are what the chip promises. */
  readonly isMeasured: boolean;
  /** Until it answers, the transfer of its files included; 0 for one that is there. */
  readonly readyInMs: number;
};

export type PlannedModel = {
  readonly model: ModelName;
  /** Nodes with a verified copy of its files and no replica, after the plan. */
  readonly standbyNodeIds: readonly NodeId[];
  readonly survivesNodeLoss: boolean;
  /** What of the deployment cannot be had, and why. */
  readonly unmet: readonly string[];
  /** The cheapest first, three at most. */
  readonly remedies: readonly Remedy[];
  /** Why this variant of the source; empty where there was no choice. */
  readonly chosenFor: string;
};

/** One way to make a model fit. */
export type Remedy = {
  readonly kind: "smaller_context" | "fewer_slots" | "smaller_quant" | "unload";
  /** What to do, in a sentence. */
  readonly text: string;
  readonly nodeId: NodeId;
};
