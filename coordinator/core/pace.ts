// Whether what was promised comes: a node that lives and makes nothing, or next to nothing, is noticed by its streams.
import type { ReplicaId } from "@pomona/shared/core/ids";
import { decodeStepSeconds, prefillSeconds, type SpeedProfile } from "@pomona/shared/core/speed-profile";
import type { Pace } from "./conduct.ts";
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

/** A request that a node has. */
export type BoundRecord = RequestRecord & { readonly place: { readonly kind: "bound" } };

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

function stepSeconds(speed: SpeedProfile, { bound, contextTokens }: Load, streams = bound.length): number {
  return decodeStepSeconds(speed, Math.max(1, streams), contextTokens);
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
  const looks = [...context.state.members.values()].map((member) => ({
    member,
    look: lookAtPace(context, member, loads),
  }));
  const effects: Effect[] = [];
  for (const { member, look } of looks) {
    const others = looks.filter((other) => other.member !== member).flatMap((other) => other.look.share ?? []);
    judgePace(context, member.pace, { ...look, othersShare: Math.min(1, median(others) ?? 1) });
    if (member.state !== "alive" || !isTooSlow(context, member)) continue;
    member.pace.slowSinceMs = null;
    effects.push(...eject(context, member, "slow"));
  }
  return effects;
}

type Look = {
  /** One that says nothing at all is none that is slow: it is given up as silent, or goes on as before. */
  readonly seen: "tokens" | "nothing due" | "silence";
  readonly elapsedMs: number;
  /** What comes of what is due, to what usually does; null while that is not known. */
  readonly share: number | null;
  readonly streams: number;
};

function lookAtPace({ nowMs, config }: StepContext, member: Member, loads: NodeLoads): Look {
  const { pace } = member;
  const elapsedMs = nowMs - pace.reviewedAtMs;
  pace.reviewedAtMs = nowMs;
  const load = loads(member);
  const came = load.bound.map(takeNews);
  // Fewer streams need not be faster ones, whatever the profile says: not before they have been.
  const streams = Math.max(load.bound.length, pace.usualStreams);
  const due = load.bound.map((record, index) => {
    // While prompts are evaluated nobody knows what is due; before its first token a stream has no pace.
    const isGenerating = load.prefillLeft === 0 && record.emittedTokenIds.length - (came[index] ?? 0) > 0;
    const speed = isGenerating ? best(member, record.place.replicaId) : null;
    return speed === null ? 0 : elapsedMs / (1000 * load.busyReplicas * stepSeconds(speed, load, streams));
  });
  const dueMax = Math.max(0, ...due);
  if (dueMax === 0) return { seen: "nothing due", elapsedMs, share: null, streams: 0 };
  const silentMs = nowMs - Math.max(...load.bound.map(({ place }) => place.lastFrameAtMs));
  const stepMs = elapsedMs / dueMax;
  if (silentMs > Math.max(config.ejection.silentMs, 2 * stepMs))
    return { seen: "silence", elapsedMs, share: null, streams: 0 };
  const kept = 2 ** (-elapsedMs / config.ejection.paceHalfLifeMs);
  pace.dueTokens = kept * pace.dueTokens + sum(due);
  pace.cameTokens = kept * pace.cameTokens + sum(came.filter((_, index) => due[index] !== 0));
  const { usualShare, cameTokens, dueTokens } = pace;
  const share = usualShare === null ? null : cameTokens / dueTokens / usualShare;
  return { seen: "tokens", elapsedMs, share, streams: load.bound.length };
}

/** Tokens that came since the last look. */
function takeNews({ place, emittedTokenIds }: BoundRecord): number {
  const came = emittedTokenIds.length - place.reviewedTokens;
  place.reviewedTokens = emittedTokenIds.length;
  return came;
}

/**
 * Slow is who is far below both its own usual pace and that of the others: all are slow at once for a reason that another
 * node does not mend.
 */
function judgePace({ nowMs, config }: StepContext, pace: Pace, look: Look & { readonly othersShare: number }): void {
  const { slowTokensMin, slowShare, usualHalfLifeMs } = config.ejection;
  const { seen, elapsedMs, share, othersShare, streams } = look;
  if (seen === "silence") return;
  if (seen === "nothing due" || pace.dueTokens < slowTokensMin) {
    pace.slowSinceMs = null;
    return;
  }
  if (share !== null && share < slowShare) {
    pace.slowSinceMs = share < slowShare * othersShare ? (pace.slowSinceMs ?? nowMs) : null;
    return;
  }
  pace.slowSinceMs = null;
  const weight = pace.usualShare === null ? 1 : 1 - 2 ** (-elapsedMs / usualHalfLifeMs);
  pace.usualShare = (1 - weight) * (pace.usualShare ?? 0) + (weight * pace.cameTokens) / pace.dueTokens;
  pace.usualStreams = (1 - weight) * pace.usualStreams + weight * streams;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The upper one of two; null of none. */
function median(values: readonly number[]): number | null {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? null;
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
