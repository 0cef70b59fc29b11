// Whether what was promised comes: a node that lives and makes nothing, or next to nothing, is noticed by its streams.
import type { ReplicaId } from "@pomona/shared/core/ids";
import { decodeStepSeconds, prefillSeconds, type SpeedProfile } from "@pomona/shared/core/speed-profile";
import type { Effect } from "./effect.ts";
import { eject } from "./ejection.ts";
import { speedBeforeSteps } from "./sane-status.ts";
import type { ClusterState, Member, RequestRecord, StepContext } from "./state.ts";

/** Between two tokens of a stream a node evaluates at most so many of another one's prompt. */
const chunkTokens = 512;

/** Attempts of a node, and what they wait for. */
type Load = {
  readonly bound: readonly BoundRecord[];
  /** Prompt tokens that the machine has still to evaluate. */
  readonly prefillLeft: number;
  readonly contextTokens: number;
  /** Replicas that run something: they take turns. */
  readonly busyReplicas: number;
};

type BoundRecord = RequestRecord & { readonly place: { readonly kind: "bound" } };

/** What each node has to do, worked out once for all that look at it in the same moment. */
export type NodeLoads = (member: Member) => Load;

export function nodeLoads(state: ClusterState): NodeLoads {
  const known = new Map<Member, Load>();
  return (member) => {
    const load = known.get(member) ?? loadOf(state, member);
    known.set(member, load);
    return load;
  };
}

/**
 * Milliseconds without any frame after which an attempt counts as lost: ten times what is predicted, and two seconds at
 * least; a fixed time while the replica's speed is only what its chip promises.
 */
export function progressLimits(
  { config }: StepContext,
  member: Member,
  loads: NodeLoads,
): (record: BoundRecord) => number {
  const load = loads(member);
  return (record) => {
    const { prefillLeft, replicaId } = record.place;
    const speed = member.status.replicas.find((replica) => replica.replicaId === replicaId)?.speed ?? null;
    if (speed === null) return prefillLeft > 0 ? config.prefillProgressMs : config.decodeProgressMs;
    // Prompts that came before it are evaluated first, and tell nothing of it.
    const tokens = prefillLeft > 0 ? load.prefillLeft : Math.min(load.prefillLeft, chunkTokens);
    const seconds = prefillSeconds(speed, tokens, load.contextTokens / Math.max(1, load.bound.length));
    const predictedMs = 1000 * load.busyReplicas * (seconds + stepSeconds(speed, load));
    return Math.max(config.progressMinMs, config.progressFactor * predictedMs);
  };
}

function stepSeconds(speed: SpeedProfile, { bound, contextTokens }: Load): number {
  return decodeStepSeconds(speed, Math.max(1, bound.length), contextTokens);
}

function loadOf(state: ClusterState, { status }: Member): Load {
  const bound: BoundRecord[] = [];
  const busy = new Set<ReplicaId>();
  let prefillLeft = 0;
  let contextTokens = 0;
  for (const { replicaId } of status.replicas) {
    for (const requestId of state.boundByReplica.get(replicaId) ?? []) {
      const record = state.requests.get(requestId);
      if (record === undefined || !isBound(record)) continue;
      bound.push(record);
      busy.add(replicaId);
      prefillLeft += record.place.prefillLeft;
      contextTokens += record.promptTokenIds.length + record.emittedTokenIds.length;
    }
  }
  return { bound, prefillLeft, contextTokens, busyReplicas: Math.max(1, busy.size) };
}

export function isBound(record: RequestRecord): record is BoundRecord {
  return record.place.kind === "bound";
}

/** Looks at every node's pace, and leaves out those whose streams have been far too slow for a while. */
export function reviewPace(context: StepContext, loads: NodeLoads): Effect[] {
  const effects: Effect[] = [];
  for (const member of context.state.members.values()) {
    notePace(context, member, loads);
    if (member.state !== "alive" || !isTooSlow(context, member)) continue;
    member.pace.slowSinceMs = null;
    effects.push(...eject(context, member, "slow"));
  }
  return effects;
}

function notePace({ nowMs, config }: StepContext, member: Member, loads: NodeLoads): void {
  const { pace } = member;
  const elapsedMs = nowMs - pace.reviewedAtMs;
  if (elapsedMs <= 0) return;
  pace.reviewedAtMs = nowMs;
  const load = loads(member);
  const kept = 2 ** (-elapsedMs / config.ejection.paceHalfLifeMs);
  pace.dueTokens *= kept;
  pace.cameTokens *= kept;
  let isAnyDue = false;
  for (const record of load.bound) {
    const { place, emittedTokenIds } = record;
    const came = emittedTokenIds.length - place.reviewedTokens;
    place.reviewedTokens = emittedTokenIds.length;
    // While prompts are evaluated nobody knows what is due; before its first token a stream has no pace.
    const speed = best(member, place.replicaId);
    const isGenerating = place.prefillLeft === 0 && load.prefillLeft === 0 && emittedTokenIds.length - came > 0;
    if (!isGenerating || speed === null) continue;
    isAnyDue = true;
    pace.cameTokens += came;
    pace.dueTokens += elapsedMs / (1000 * load.busyReplicas * stepSeconds(speed, load));
  }
  const { slowTokensMin, slowShare, usualHalfLifeMs } = config.ejection;
  if (!isAnyDue || pace.dueTokens < slowTokensMin) {
    pace.slowSinceMs = null;
    return;
  }
  const share = pace.cameTokens / pace.dueTokens;
  if (pace.usualShare !== null && share < slowShare * pace.usualShare) {
    pace.slowSinceMs ??= nowMs;
    return;
  }
  pace.slowSinceMs = null;
  const weight = pace.usualShare === null ? 1 : 1 - 2 ** (-elapsedMs / usualHalfLifeMs);
  pace.usualShare = (1 - weight) * (pace.usualShare ?? 0) + weight * share;
}

/** What the node itself has measured, else what its chip promises. A profile follows what the node does: its best time counts. */
function best(member: Member, replicaId: ReplicaId): SpeedProfile | null {
  const replica = member.status.replicas.find((each) => each.replicaId === replicaId);
  if (replica === undefined) return null;
  const speed = replica.speed ?? speedBeforeSteps(replica, member.status.capacity);
  const known = member.bestDecode.get(replicaId) ?? 0;
  member.bestDecode.set(replicaId, Math.max(known, speed.decodeTokensPerSecond));
  return known > speed.decodeTokensPerSecond ? { ...speed, decodeTokensPerSecond: known } : speed;
}

function isTooSlow({ nowMs, config }: StepContext, { pace, isEjected }: Member): boolean {
  return !isEjected && pace.slowSinceMs !== null && nowMs - pace.slowSinceMs >= config.ejection.slowMs;
}
