import type { NodeId } from "./ids.ts";

/** NATS subjects of one cluster. `parse` functions return null for what is not of that form. */
export function subjects(cluster: string): Subjects {
  const prefix = `pomona.${cluster}`;
  return {
    heartbeat: (nodeId) => `${prefix}.node.${nodeId}.heartbeat`,
    metrics: (nodeId) => `${prefix}.node.${nodeId}.metrics`,
    nodeEvent: (nodeId) => `${prefix}.node.${nodeId}.event`,
    allHeartbeats: `${prefix}.node.*.heartbeat`,
    allMetrics: `${prefix}.node.*.metrics`,
    coordinator: (id) => `${prefix}.coordinator.${id}`,
    allCoordinators: `${prefix}.coordinator.*`,
    coordinatorEvent: (kind) => `${prefix}.event.${kind}`,
    nodeIdOf: (subject) => {
      const parts = subject.split(".");
      return parts.length === 5 && parts[2] === "node" ? (parts[3] ?? null) : null;
    },
  };
}

export type Subjects = {
  readonly heartbeat: (nodeId: NodeId) => string;
  readonly metrics: (nodeId: NodeId) => string;
  readonly nodeEvent: (nodeId: NodeId) => string;
  readonly allHeartbeats: string;
  readonly allMetrics: string;
  readonly coordinator: (id: string) => string;
  readonly allCoordinators: string;
  readonly coordinatorEvent: (kind: string) => string;
  readonly nodeIdOf: (subject: string) => NodeId | null;
};
