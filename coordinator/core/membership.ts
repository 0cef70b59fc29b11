// Who is in the pool. Heartbeats say alive; missing ones and a broken link say suspect, then dead.
import type { NodeId } from "@pomona/shared/core/ids";
import type { NodeStatus } from "@pomona/shared/core/node-status";
import type { Pace } from "./conduct.ts";
import type { CoreConfig } from "./core-config.ts";
import type { Effect } from "./effect.ts";
import type { ClusterState, Member, MemberState, StepContext } from "./state.ts";

/** What a heartbeat did: `replaced` means that the old process of the node is gone. */
export type HeartbeatOutcome = "accepted" | "ignored" | "replaced";

/** A heartbeat as it came in. */
export type Heartbeat = { readonly status: NodeStatus; readonly address: string; readonly nowMs: number };

/** Takes a heartbeat in. An old incarnation or sequence is ignored; a newer incarnation replaces the member. */
export function takeHeartbeat(
  state: ClusterState,
  heartbeat: Heartbeat,
  config: CoreConfig,
): { readonly outcome: HeartbeatOutcome; readonly effects: Effect[] } {
  const { status, address, nowMs } = heartbeat;
  const { nodeId } = status;
  const known = state.members.get(nodeId);
  if (known === undefined) {
    if (state.members.size >= config.membersMax) {
      const announcement = { kind: "membersFull", nodeId, membersMax: config.membersMax } as const;
      return { outcome: "ignored", effects: [{ kind: "announce", announcement }] };
    }
    const member = newMember(heartbeat);
    state.firstHeardMs ??= nowMs;
    state.members.set(nodeId, member);
    return {
      outcome: "accepted",
      effects: [{ kind: "connectNode", nodeId, address }, changed(nodeId, null, member.state)],
    };
  }
  if (isOlder(status, known.status)) return { outcome: "ignored", effects: [] };
  const isRestarted = status.incarnation > known.status.incarnation;
  if (isRestarted) forgetProcess(known, state);
  const effects: Effect[] = [];
  // A node with two addresses keeps the one that works, or every other heartbeat would cut its streams off.
  if (known.address !== address && !known.isLinkUp) {
    known.address = address;
    effects.push({ kind: "connectNode", nodeId, address });
  }
  known.status = withJustPulled(known, withJustLoaded(known, status, nowMs), nowMs);
  known.lastHeartbeatMs = nowMs;
  return { outcome: isRestarted ? "replaced" : "accepted", effects };
}

function newMember({ status, address, nowMs }: Heartbeat): Member {
  return {
    nodeId: status.nodeId,
    address,
    state: "suspect",
    status,
    lastHeartbeatMs: nowMs,
    isLinkUp: false,
    linkDownAtMs: nowMs,
    loading: null,
    justLoaded: null,
    justPulled: null,
    leaving: new Map(),
    moving: new Set(),
    sources: new Map(),
    pulling: null,
    pullFailures: new Map(),
    loadFailures: new Map(),
    oddities: new Set(),
    emptyingSinceMs: null,
    pace: newPace(nowMs),
    bestDecode: new Map(),
    ejection: null,
    isEjected: false,
  };
}

function newPace(nowMs: number): Pace {
  return { dueTokens: 0, cameTokens: 0, usualShare: null, usualStreams: 0, slowSinceMs: null, reviewedAtMs: nowMs };
}

/** Nothing more is known of what it loads: a replica elsewhere that this one was to take the place of stays where it is. */
export function giveUpLoad(member: Member, state: ClusterState): void {
  const insteadOf = member.loading?.insteadOf ?? null;
  if (insteadOf !== null) for (const { moving } of state.members.values()) moving.delete(insteadOf);
  member.loading = null;
}

/** The old process is gone, and with it its link, its replicas and what was wrong with them. */
function forgetProcess(member: Member, state: ClusterState): void {
  giveUpLoad(member, state);
  member.isLinkUp = false;
  member.justLoaded = null;
  member.justPulled = null;
  member.leaving.clear();
  member.moving.clear();
  member.sources.clear();
  member.pulling = null;
  member.pullFailures.clear();
  member.loadFailures.clear();
  member.oddities.clear();
  member.emptyingSinceMs = null;
  member.pace = newPace(member.pace.reviewedAtMs);
}

function isOlder(status: NodeStatus, known: NodeStatus): boolean {
  if (status.incarnation !== known.incarnation) return status.incarnation < known.incarnation;
  return status.sequence <= known.sequence;
}

/** A heartbeat that left before a load ended knows nothing of it: until the next ones the coordinator knows better. */
function withJustLoaded(member: Member, status: NodeStatus, nowMs: number): NodeStatus {
  if (member.justLoaded === null) return status;
  const { replica, untilMs } = member.justLoaded;
  const listed = status.replicas.find(({ replicaId }) => replicaId === replica.replicaId);
  if (nowMs >= untilMs || (listed !== undefined && listed.state !== "loading")) {
    member.justLoaded = null;
    return status;
  }
  const others = status.replicas.filter((other) => other !== listed);
  return { ...status, replicas: [...others, replica] };
}

/** The same for files: one that is told of otherwise is as the node says. */
function withJustPulled(member: Member, status: NodeStatus, nowMs: number): NodeStatus {
  if (member.justPulled === null) return status;
  const { files, untilMs } = member.justPulled;
  const isSettled = (state: string): boolean => state === "verified" || state === "failed";
  const known = new Set(status.files.filter(({ state }) => isSettled(state)).map(({ digest }) => digest));
  const missing = files.filter(({ digest }) => !known.has(digest));
  if (nowMs >= untilMs || missing.length === 0) {
    member.justPulled = null;
    return status;
  }
  const added = new Set(missing.map(({ digest }) => digest));
  return { ...status, files: [...status.files.filter(({ digest }) => !added.has(digest)), ...missing] };
}

/** Sets each member's state from its last heartbeat and its link. Returns the nodes that died in this call. */
export function reviewMembers(
  state: ClusterState,
  nowMs: number,
  config: CoreConfig,
): { readonly died: readonly NodeId[]; readonly effects: Effect[] } {
  const died: NodeId[] = [];
  const effects: Effect[] = [];
  for (const member of state.members.values()) {
    const next = memberState(member, nowMs, config);
    if (next === member.state) continue;
    effects.push(changed(member.nodeId, member.state, next));
    member.state = next;
    if (next !== "dead") continue;
    died.push(member.nodeId);
    // What it was loading is unknown now; its next heartbeat tells.
    giveUpLoad(member, state);
    member.justLoaded = null;
    member.pulling = null;
  }
  return { died, effects };
}

/**
 * Dead after five missed heartbeats (contract.md, Time). Streams do not wait for that: their calls say within 1.1 s that a node
 * does not answer, and a node whose event loop was blocked for two seconds keeps its place.
 */
export function memberState(member: Member, nowMs: number, config: CoreConfig): MemberState {
  const missed = (nowMs - member.lastHeartbeatMs) / config.heartbeatIntervalMs;
  if (missed >= config.deadAfterMissed) return "dead";
  return missed >= config.suspectAfterMissed || !member.isLinkUp ? "suspect" : "alive";
}

function changed(nodeId: NodeId, from: MemberState | null, to: MemberState): Effect {
  return { kind: "announce", announcement: { kind: "memberChanged", nodeId, from, to } };
}

/** Whether a node may get work: alive, linked, not draining, and not left out for what it did. */
export function takesWork(member: Member): boolean {
  return member.state === "alive" && member.isLinkUp && member.status.state === "serving" && !member.isEjected;
}

/** Whether what it has counts for placement: heard of, and reached, now or a moment ago. */
export function isReachable({ state, isLinkUp, linkDownAtMs }: Member, { nowMs, config }: StepContext): boolean {
  return state !== "dead" && (isLinkUp || nowMs - linkDownAtMs < 1000 * config.placement.lossGrace);
}

/** Takes a dead node off the list. Does nothing when it is not dead. */
export function forgetMember(state: ClusterState, nodeId: NodeId): Effect[] {
  const member = state.members.get(nodeId);
  if (member === undefined || member.state !== "dead") return [];
  state.members.delete(nodeId);
  return [
    { kind: "disconnectNode", nodeId },
    { kind: "announce", announcement: { kind: "memberForgotten", nodeId } },
  ];
}

/** Forgets what was kept of replicas that no member lists any more, so that no map grows with the uptime. */
export function forgetGoneReplicas(state: ClusterState): void {
  const listed = new Set<string>();
  for (const member of state.members.values()) {
    for (const { replicaId } of member.status.replicas) listed.add(replicaId);
    for (const kept of [member.moving, member.bestDecode]) {
      for (const replicaId of kept.keys()) if (!isListedBy(member, replicaId)) kept.delete(replicaId);
    }
  }
  for (const kept of [state.avoidUntilMs, state.releasedAtMs, state.replicaUse]) {
    for (const replicaId of kept.keys()) if (!listed.has(replicaId)) kept.delete(replicaId);
  }
  state.scheduler.forgetAllBut(listed, new Set(state.deployments.keys()));
}

function isListedBy({ status }: Member, replicaId: string): boolean {
  return status.replicas.some((replica) => replica.replicaId === replicaId);
}
