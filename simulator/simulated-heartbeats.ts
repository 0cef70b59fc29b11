// What nodes say of themselves over NATS: it comes late, twice, out of order or not at all.
import type { ClusterEvent } from "@pomona/coordinator/core/event";
import type { NetworkConditions } from "./network-conditions.ts";
import type { Random } from "./random.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import type { VirtualTime } from "./virtual-time.ts";

const heartbeatMs = 500;

type Surroundings = {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly conditions: NetworkConditions;
  readonly onEvent: (event: ClusterEvent) => void;
};

/** Begins with a node's process, and ends with it. */
export function publishHeartbeats(node: SimulatedNode, surroundings: Surroundings): void {
  const { time, random, conditions, onEvent } = surroundings;
  const { nodeId, address } = node.machine;
  const publish = (): void => {
    node.after(heartbeatMs, publish);
    const isLost = conditions.cutOff.has(nodeId) || conditions.withoutNats.has(nodeId) || random.chance(0.02);
    if (node.isMute || isLost) return;
    const status = node.status();
    const copies = random.chance(0.05) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const delayMs = random.chance(0.05) ? random.between(200, 1500) : random.between(0.5, 20);
      time.after(delayMs, () => onEvent({ kind: "heartbeat", status, address }));
    }
  };
  node.after(heartbeatMs, publish);
}
