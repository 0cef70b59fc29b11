// What a node says of itself, with what no machine can be like cut to what one can.
import { expectedSpeed } from "@pomona/shared/core/chip-speeds";
import type { NodeCapacity, NodeStatus, ReplicaStatus } from "@pomona/shared/core/node-status";
import { clampSpeed, type SpeedProfile } from "@pomona/shared/core/speed-profile";

/** More memory than any machine that runs this has. */
const memoryBytesMax = 64e12;

export type SaneStatus = {
  readonly status: NodeStatus;
  /** What was cut, one short name for each kind. */
  readonly oddities: readonly string[];
};

/** The same status where everything in it makes sense. */
export function saneStatus(status: NodeStatus): SaneStatus {
  const oddities = new Set<string>();
  const capacity = saneCapacity(status.capacity, oddities);
  const replicas = status.replicas.map((replica) => saneReplica(replica, capacity, oddities));
  return oddities.size === 0
    ? { status, oddities: [] }
    : { status: { ...status, capacity, replicas }, oddities: [...oddities] };
}

/** Models get no more than the machine has, and no more is free than models get. */
function saneCapacity(capacity: NodeCapacity, oddities: Set<string>): NodeCapacity {
  const memoryBytes = cut(capacity.memoryBytes, memoryBytesMax);
  const budgetBytes = cut(capacity.budgetBytes, memoryBytes);
  const freeBytes = cut(capacity.freeBytes, budgetBytes);
  const sane = { ...capacity, memoryBytes, budgetBytes, freeBytes };
  if ((["memoryBytes", "budgetBytes", "freeBytes"] as const).some((name) => sane[name] !== capacity[name]))
    oddities.add("memory");
  return sane;
}

function cut(value: number, most: number): number {
  return Number.isFinite(value) ? Math.min(most, Math.max(0, value)) : 0;
}

export function saneReplica(replica: ReplicaStatus, capacity: NodeCapacity, oddities: Set<string>): ReplicaStatus {
  if (replica.speed === null) return replica;
  const { speed, isClamped } = clampSpeed(replica.speed, speedBeforeSteps(replica, capacity));
  if (!isClamped) return replica;
  oddities.add("speed");
  return { ...replica, speed };
}

/** What the chip promises for a replica. */
export function speedBeforeSteps(
  { memory, slots, contextLength }: ReplicaStatus,
  capacity: NodeCapacity,
): SpeedProfile {
  const { weightsBytes, kvBytes } = memory;
  const kvBytesPerToken = kvBytes / Math.max(1, slots * contextLength);
  const { chip, gpu } = capacity;
  const expected = expectedSpeed({ chip, gpu, weightsBytes, kvBytesPerToken });
  return clampSpeed(expected, expected).speed;
}
