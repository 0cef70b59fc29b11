// What lies between a coordinator and its nodes, and what faults change of it.
import type { ClusterEvent } from "@pomona/coordinator/core/event";
import type { InspectionOutcome } from "@pomona/coordinator/core/model-sources";
import type { ModelName, NodeId } from "@pomona/shared/core/ids";
import type { Random } from "./random.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** What faults change. */
export type NetworkConditions = {
  /** Nodes that nothing reaches and nothing leaves. */
  readonly cutOff: Set<NodeId>;
  /** Nodes whose heartbeats NATS loses. */
  readonly withoutNats: Set<NodeId>;
  /** Nodes whose machine goes without a word when it goes. */
  readonly withoutReset: Set<NodeId>;
  /** Added to every message of a node's link. */
  readonly addedDelayMs: Map<NodeId, number>;
};

export type LinkSurroundings = {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly conditions: NetworkConditions;
  /** The process that listens at an address; none when the machine is down. */
  readonly processAt: (address: string) => SimulatedNode | undefined;
  /** What a node says of a source. */
  readonly inspect: (nodeId: NodeId, model: ModelName) => InspectionOutcome;
  readonly onEvent: (event: ClusterEvent) => void;
  /** For how long the coordinator's process is stopped. */
  readonly pausedForMs: () => number;
  /** Whether nothing reaches the coordinator's machine. */
  readonly isCutOff: () => boolean;
  /** That made the coordinator the active one: every call says it. */
  readonly term: () => number;
  /** A node has refused a call, because it has heard of this higher term. */
  readonly onSuperseded: (term: number) => void;
};
