// What the coordinator knows of a ready replica at this moment, in the scheduler's terms.
import type { SpeedProfile } from "@pomona/shared/core/speed-profile";
import { foreignAttempts } from "./foreign-attempts.ts";
import { speedBeforeSteps } from "./sane-status.ts";
import { Candidate, type RunningLoad } from "./scheduler/candidate.ts";
import type { StepContext } from "./state.ts";
import type { ReadyReplica } from "./views.ts";

/** A replica as a planning pass sees it. */
export function candidateOf({ state, nowMs }: StepContext, ready: ReadyReplica): Candidate {
  const { member, replica } = ready;
  const { replicaId } = replica;
  const avoidUntilMs = state.avoidUntilMs.get(replicaId) ?? 0;
  let busyNeighbours = 0;
  let neighbourStreams = 0;
  for (const other of member.status.replicas) {
    const bound = state.boundByReplica.get(other.replicaId)?.size ?? 0;
    if (other.replicaId === replicaId || bound === 0) continue;
    busyNeighbours += 1;
    neighbourStreams += bound;
  }
  return new Candidate({
    nodeId: member.nodeId,
    replicaId,
    slots: replica.slots,
    speed: speedOf(ready),
    held: state.scheduler.heldBy(replicaId),
    running: runningLoads(state, replicaId),
    foreign: foreignAttempts(state, ready),
    avoidSeconds: Math.max(0, avoidUntilMs - nowMs) / 1000,
    busyNeighbours,
    neighbourStreams,
    lastBinding: state.scheduler.lastBinding(replicaId),
  });
}

/** What the node has learned, else what its chip promises. */
export function speedOf({ member, replica }: ReadyReplica): SpeedProfile {
  return replica.speed ?? speedBeforeSteps(replica, member.status.capacity);
}

function runningLoads(state: StepContext["state"], replicaId: string): RunningLoad[] {
  const loads: RunningLoad[] = [];
  for (const requestId of state.boundByReplica.get(replicaId) ?? []) {
    const record = state.requests.get(requestId);
    if (record?.place.kind !== "bound") continue;
    const { promptTokenIds, emittedTokenIds, decoding, model } = record;
    const contextTokens = promptTokenIds.length + emittedTokenIds.length;
    loads.push({
      prefillLeft: record.place.prefillLeft,
      outputLeft: state.scheduler.lengthsOf(model).left(emittedTokenIds.length, decoding.maxTokens),
      contextTokens,
      slot: record.place.slot,
    });
  }
  return loads;
}
