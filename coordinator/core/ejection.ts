// Nodes that lose or delay what they have get no work for a while: longer each time, and never so many that it hurts more.
import type { ReplicaStatus } from "@pomona/shared/core/node-status";
import type { Ejection, EjectionReason } from "./conduct.ts";
import type { Effect } from "./effect.ts";
import type { EjectionConfig } from "./ejection-config.ts";
import type { ClusterState, Member, StepContext } from "./state.ts";

/**
 * Leaves a node out, unless half of the nodes are left out already or nobody else has a model that it has. It counts
 * towards the next time all the same.
 */
export function eject(context: StepContext, member: Member, reason: EjectionReason): Effect[] {
  const { state, nowMs, config } = context;
  const wasEjected = member.isEjected;
  member.ejection = nextEjection(member.ejection, { reason, nowMs, config: config.ejection });
  member.isEjected = wasEjected || (hasRoomForOne(state, member) && !isLastOfAny(state, member));
  if (!member.isEjected || wasEjected) return [];
  const { nodeId, ejection } = member;
  const forMs = ejection.untilMs - nowMs;
  return [{ kind: "announce", announcement: { kind: "nodeEjected", nodeId, reason, forMs } }];
}

type Disturbance = { readonly reason: EjectionReason; readonly nowMs: number; readonly config: EjectionConfig };

/** What was told a moment ago is the same disturbance: all streams of a node see it. */
function nextEjection(known: Ejection | null, { reason, nowMs, config }: Disturbance): Ejection {
  if (known !== null && nowMs - known.atMs < config.minMs) return known;
  const isForgiven = known === null || nowMs - known.untilMs >= config.forgivenMs;
  const count = isForgiven ? 1 : known.count + 1;
  const forMs = Math.min(config.maxMs, config.minMs * 2 ** (count - 1));
  return { reason, count, atMs: nowMs, untilMs: nowMs + forMs };
}

/** At most half of the nodes, rounded down, are out at the same time. */
function hasRoomForOne(state: ClusterState, member: Member): boolean {
  let living = 0;
  let out = 0;
  for (const other of state.members.values()) {
    if (other.state === "dead" && other !== member) continue;
    living += 1;
    if (other.isEjected && other !== member) out += 1;
  }
  return out + 1 <= Math.floor(living / 2);
}

function isLastOfAny(state: ClusterState, member: Member): boolean {
  const isReady = ({ state: replicaState }: ReplicaStatus): boolean => replicaState === "ready";
  return member.status.replicas.filter(isReady).some(({ model }) => {
    for (const other of state.members.values()) {
      if (other === member || other.isEjected || other.state !== "alive") continue;
      if (other.status.replicas.some((replica) => replica.model === model && isReady(replica))) return false;
    }
    return true;
  });
}

/** Takes nodes back in whose time is over, and such as nobody can replace any more. */
export function reviewEjections({ state, nowMs }: StepContext): void {
  for (const member of state.members.values()) {
    if (!member.isEjected) continue;
    const isOver = member.ejection === null || nowMs >= member.ejection.untilMs;
    if (isOver || (member.state === "alive" && isLastOfAny(state, member))) member.isEjected = false;
  }
}
