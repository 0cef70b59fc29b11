// The state of a running request at a peer: after a long prompt, so that the peer need not evaluate it again.
import type { NodeId, RequestId } from "@pomona/shared/core/ids";
import { decodeStepSeconds, restoreSeconds } from "@pomona/shared/core/speed-profile";
import { stateBytesPerSecond } from "@pomona/shared/core/state-transfer";
import { speedOf } from "./candidates.ts";
import { type CheckpointCase, type CheckpointGain, checkpointGain, isWorthCheckpoint } from "./checkpoint-gain.ts";
import { engineOf } from "./dispatch.ts";
import type { Effect } from "./effect.ts";
import type { ClusterEvent } from "./event.ts";
import { type BoundRecord, isBound } from "./pace.ts";
import type { Member, RequestRecord, StepContext } from "./state.ts";
import { type ReadyReplica, readyReplicas } from "./views.ts";

/** Until a state has to be there: what it spares, and within these bounds; the longer one where nobody counts. */
const timeoutMs = { min: 1000, max: 60_000 } as const;
/** Stays free on every disk. */
const diskHeadroom = 0.05;

type FrameEvent = ClusterEvent & { kind: "frame" };

/** At the first token of an attempt its prompt is evaluated, and its state may be brought to a peer. */
export function considerCheckpoint(context: StepContext, { requestId, epoch, frame }: FrameEvent): Effect[] {
  const record = frame.kind === "tokens" ? context.state.requests.get(requestId) : undefined;
  if (record?.epoch !== epoch || !isBound(record) || record.checkpointEpoch === epoch) return [];
  // It would evaluate its prompt nevertheless.
  if (record.decoding.logsPrompt) return [];
  record.checkpointEpoch = epoch;
  // One that is at another node still is of use, whoever saved it.
  if (record.checkpoint !== null && record.checkpoint.nodeId !== record.place.nodeId) return [];
  const effects = dropCheckpoint(record);
  const peer = choosePeer(context, record);
  const source = context.state.members.get(record.place.nodeId);
  if (peer === null || source === undefined) return effects;
  const { nodeId } = peer.ready.member;
  const { replicaId } = peer.ready.replica;
  record.checkpoint = { nodeId, epoch, tokens: 0 };
  const limitMs = context.config.checkpoints.mode === "on" ? timeoutMs.max : 1000 * peer.gain.sparedSeconds;
  const within = { timeoutMs: Math.round(Math.min(timeoutMs.max, Math.max(timeoutMs.min, limitMs))) };
  return [...effects, { kind: "holdState", nodeId, replicaId, requestId, epoch, peer: source.address, ...within }];
}

/** The state of a request is of no use any more. */
export function dropCheckpoint(record: RequestRecord): Effect[] {
  const { requestId, checkpoint } = record;
  if (checkpoint === null) return [];
  record.checkpoint = null;
  return [{ kind: "dropState", nodeId: checkpoint.nodeId, requestId, epoch: checkpoint.epoch }];
}

/** The peer has it. */
export function takeHeldState({ state }: StepContext, event: ClusterEvent & { kind: "stateHeld" }): Effect[] {
  const { nodeId, requestId, bytes, transferMs } = event;
  const record = recordOf(state.requests, event);
  if (record === undefined) return [];
  const { model } = record;
  // More may have come since it was saved: these are there in any case.
  record.checkpoint = { nodeId, epoch: event.epoch, tokens: record.promptTokenIds.length };
  return [{ kind: "announce", announcement: { kind: "checkpointHeld", nodeId, requestId, model, bytes, transferMs } }];
}

/** The peer has it no more, or never had it: a request that moves is evaluated again. */
export function takeGoneState({ state }: StepContext, event: ClusterEvent & { kind: "stateGone" }): Effect[] {
  const { nodeId, requestId, failure } = event;
  const record = recordOf(state.requests, event);
  if (record === undefined) return [];
  record.checkpoint = null;
  const reason = failure?.message ?? "its time is over";
  const { model } = record;
  return [{ kind: "announce", announcement: { kind: "checkpointLost", nodeId, requestId, model, reason } }];
}

type Named = { readonly requestId: RequestId; readonly nodeId: NodeId; readonly epoch: number };

/** What is told of a state that was given up, or is another attempt's, is old news. */
function recordOf(requests: ReadonlyMap<RequestId, RequestRecord>, named: Named): RequestRecord | undefined {
  const record = requests.get(named.requestId);
  const { checkpoint } = record ?? {};
  return checkpoint?.nodeId === named.nodeId && checkpoint.epoch === named.epoch ? record : undefined;
}

type Peer = { readonly ready: ReadyReplica; readonly gain: CheckpointGain; readonly lineBytesPerSecond: number | null };

/** The one with the fastest line of those that it is worth for; among equals the one with the fewest states. */
function choosePeer(context: StepContext, record: BoundRecord): Peer | null {
  const { state, config } = context;
  if (config.checkpoints.mode === "off") return null;
  const source = state.members.get(record.place.nodeId);
  const tokens = record.promptTokenIds.length + record.emittedTokenIds.length;
  if (source === undefined || tokens < config.checkpoints.tokensMin) return null;
  const own = expectationOf(context, record, source);
  let best: (Peer & { readonly states: number }) | null = null;
  for (const ready of readyReplicas(state, record.model, record.promptDigest)) {
    if (ready.member === source || engineOf(ready) !== record.engine) continue;
    const gain = checkpointGain(speedOf(ready), tokens);
    const lineBytesPerSecond = lineBetween(source, ready.member);
    if (!isWorthCheckpoint(config.checkpoints, { tokens, gain, lineBytesPerSecond, ...own })) continue;
    if (!hasRoom(ready.member, gain.bytes)) continue;
    const peer = { ready, gain, lineBytesPerSecond, states: statesAt(state.requests, ready.member.nodeId) };
    if (best === null || isBetter(peer, best)) best = peer;
  }
  return best;
}

function isBetter(one: Peer & { readonly states: number }, other: Peer & { readonly states: number }): boolean {
  const [line, otherLine] = [one.lineBytesPerSecond ?? 0, other.lineBytesPerSecond ?? 0];
  return line === otherLine ? one.states < other.states : line > otherLine;
}

/** As fast as the receiver has known it, and as both ends let states go; null when it never got anything from there. */
function lineBetween(source: Member, receiver: Member): number | null {
  const line = receiver.status.lines.find(({ address }) => address === source.address);
  if (line === undefined) return null;
  const ends = [source, receiver].map(({ status }) => stateBytesPerSecond(status.capacity.cpuCores));
  return Math.min(line.bytesPerSecond, ...ends);
}

/** What is expected where the request runs. */
function expectationOf(
  { state }: StepContext,
  record: BoundRecord,
  source: Member,
): Pick<CheckpointCase, "saveSeconds" | "remainingSeconds"> {
  const { model, emittedTokenIds, promptTokenIds, decoding, place } = record;
  const replica = source.status.replicas.find(({ replicaId }) => replicaId === place.replicaId);
  if (replica === undefined) return { saveSeconds: 0, remainingSeconds: 0 };
  const speed = speedOf({ member: source, replica });
  const tokens = state.scheduler.lengthsOf(model).left(emittedTokenIds.length, decoding.maxTokens);
  // States leave as they come back. One of a recurrent memory, which has no such speed, is small.
  const saveSeconds = speed.restoreBytesPerSecond > 0 ? restoreSeconds(speed, promptTokenIds.length) : 0;
  return { saveSeconds, remainingSeconds: tokens * decodeStepSeconds(speed, 1, promptTokenIds.length) };
}

/** A node that does not tell its disk says no itself. */
function hasRoom({ status: { capacity } }: Member, bytes: number): boolean {
  const { diskBytes, diskFreeBytes } = capacity;
  return diskBytes === 0 || diskFreeBytes - bytes >= diskHeadroom * diskBytes;
}

function statesAt(requests: ReadonlyMap<RequestId, RequestRecord>, nodeId: NodeId): number {
  let states = 0;
  for (const { checkpoint } of requests.values()) if (checkpoint?.nodeId === nodeId) states += 1;
  return states;
}
