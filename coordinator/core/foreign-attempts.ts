import type { ClusterState } from "./state.ts";
import type { ReadyReplica } from "./views.ts";

/** Longest time that a heartbeat is on its way, and a cancelled attempt in its slot (contract: 500 ms). */
const releaseGraceMs = 500;

/** Attempts that a node runs beside the coordinator's own: another coordinator's, or not cancelled yet. */
export function foreignAttempts(state: ClusterState, { member, replica }: ReadyReplica): number {
  const own = state.boundByReplica.get(replica.replicaId);
  const released = state.releasedAtMs.get(replica.replicaId);
  let foreign = 0;
  for (const { requestId } of replica.running) {
    if (own?.has(requestId) === true) continue;
    // A heartbeat that may have left before the attempt ended says nothing about now.
    const releasedAtMs = released?.get(requestId);
    const isStale = releasedAtMs !== undefined && member.lastHeartbeatMs - releasedAtMs < releaseGraceMs;
    if (!isStale) foreign += 1;
  }
  return foreign;
}
