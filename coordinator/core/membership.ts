// Who is in the pool. Heartbeats say alive; missing ones and a broken link say suspect, then dead.
import type { NodeId } from "@pomona/shared/core/ids";
import type { NodeStatus } from "@pomona/shared/core/node-status";
import type { Effect } from "./effect.ts";
import type { ClusterState, CoreConfig, Member, MemberState } from "./state.ts";

/** What a heartbeat did: `replaced` means that the old process of the node is gone. */
export type HeartbeatOutcome = "accepted" | "ignored" | "replaced";

/** Takes a heartbeat in. An old incarnation or sequence is ignored; a newer incarnation replaces the member. */
export function takeHeartbeat(
  state: ClusterState,
  heartbeat: { readonly status: NodeStatus; readonly address: string; readonly nowMs: number },
  config: CoreConfig,
): { readonly outcome: HeartbeatOutcome; readonly effects: Effect[] } {
  const { status, address, nowMs } = heartbeat;
  const known = state.members.get(status.nodeId);
  if (known === undefined) {
    if (state.members.size >= config.membersMax) {
      const announcement = { kind: "membersFull", nodeId: status.nodeId, membersMax: config.membersMax } as const;
      return { outcome: "ignored", effects: [{ kind: "announce", announcement }] };
    }
    state.members.set(status.nodeId, newMember(status, address, nowMs));
    return {
      outcome: "accepted",
      effects: [{ kind: "connectNode", nodeId: status.nodeId, address }, changed(status.nodeId, null, "alive")],
    };
  }
  if (isOlder(status, known.status)) return { outcome: "ignored", effects: [] };
  const isRestarted = status.incarnation > known.status.incarnation;
  const effects: Effect[] = [];
  if (isRestarted) {
    known.loading = null;
    known.loadFailures.clear();
  }
  if (known.address !== address) {
    known.address = address;
    known.isLinkUp = false;
    effects.push({ kind: "connectNode", nodeId: status.nodeId, address });
  }
  known.status = status;
  known.lastHeartbeatMs = nowMs;
  return { outcome: isRestarted ? "replaced" : "accepted", effects };
}

function newMember(status: NodeStatus, address: string, nowMs: number): Member {
  return {
    nodeId: status.nodeId,
    address,
    state: "alive",
    status,
    lastHeartbeatMs: nowMs,
    isLinkUp: false,
    loading: null,
    loadFailures: new Map(),
  };
}

function isOlder(status: NodeStatus, known: NodeStatus): boolean {
  if (status.incarnation !== known.incarnation) return status.incarnation < known.incarnation;
  return status.sequence <= known.sequence;
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
    member.loading = null;
  }
  return { died, effects };
}

/** Dead after five missed heartbeats, or after three when the gRPC link says the same (contract.md, Time). */
export function memberState(member: Member, nowMs: number, config: CoreConfig): MemberState {
  const missed = (nowMs - member.lastHeartbeatMs) / config.heartbeatIntervalMs;
  const deadAfter = member.isLinkUp ? config.deadAfterMissed : config.suspectAfterMissed;
  if (missed >= deadAfter) return "dead";
  return missed >= config.suspectAfterMissed ? "suspect" : "alive";
}

function changed(nodeId: NodeId, from: MemberState | null, to: MemberState): Effect {
  return { kind: "announce", announcement: { kind: "memberChanged", nodeId, from, to } };
}

/** Whether a node may get work: alive, linked, and not draining. */
export function takesWork(member: Member): boolean {
  return member.state === "alive" && member.isLinkUp && member.status.state === "serving";
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
