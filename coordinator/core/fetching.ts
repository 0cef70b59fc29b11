// Bringing files to nodes: from whom, how long it takes, and whether there is room.
import { type NamedFile, totalFileBytes } from "@pomona/shared/core/model-files";
import type { Effect } from "./effect.ts";
import { takesWork } from "./membership.ts";
import { holdsVerified, isFromElsewhere, isInPlace, namedFiles } from "./model-sources.ts";
import type { ClusterState, Deployment, Member, StepContext } from "./state.ts";

/** A network of 1 GbE, until a transfer was measured. */
const usualBytesPerSecond = 110e6;
/** What a new measurement weighs against those before; short transfers say little. */
const measuredShare = 0.3;
const measuredBytesMin = 10e6;
/** Stays free on every disk. */
const diskHeadroom = 0.05;

export function fetchSeconds(state: ClusterState, bytes: number): number {
  return bytes / (state.transferBytesPerSecond ?? usualBytesPerSecond);
}

/** The files count at once, before the next heartbeat. */
function notePulled(member: Member, files: readonly NamedFile[], untilMs: number): void {
  const pulled = files.map(({ digest, bytes }) => ({
    digest,
    bytes,
    heldBytes: bytes,
    state: "verified" as const,
    failure: null,
  }));
  const digests = new Set(pulled.map(({ digest }) => digest));
  const others = member.status.files.filter(({ digest }) => !digests.has(digest));
  member.justPulled = { files: pulled, untilMs };
  member.status = { ...member.status, files: [...others, ...pulled] };
}

function noteTransfer(state: ClusterState, bytes: number, ms: number): void {
  if (bytes < measuredBytesMin || ms <= 0) return;
  const measured = (1000 * bytes) / ms;
  const known = state.transferBytesPerSecond ?? measured;
  state.transferBytesPerSecond = known + measuredShare * (measured - known);
}

/** Whether a node could get the files: somebody has them, and its disk has room. */
export function canFetch({ state, nowMs }: StepContext, member: Member, deployment: Deployment): boolean {
  const files = namedFiles(state, deployment);
  if (files === null || !takesWork(member)) return false;
  const failed = member.pullFailures.get(deployment.model);
  if (failed !== undefined && failed.retryAtMs > nowMs) return false;
  if (!hasDiskRoom(member, files)) return false;
  return isFromElsewhere(deployment.record.spec.source) || holders(state, deployment, files).length > 0;
}

/** A node that does not tell its disk is asked, and says no itself. */
function hasDiskRoom(member: Member, files: readonly NamedFile[]): boolean {
  const { diskBytes, diskFreeBytes } = member.status.capacity;
  const missing = totalFileBytes(files) - heldBytesOf(member, files);
  return diskBytes === 0 || diskFreeBytes - missing >= diskHeadroom * diskBytes;
}

/** What a node has of the files already, those on their way included. */
export function heldBytesOf({ status }: Member, files: readonly NamedFile[]): number {
  return files.reduce((sum, { digest, bytes }) => {
    const held = status.files.find((file) => file.digest === digest)?.heldBytes ?? 0;
    return sum + Math.min(bytes, held);
  }, 0);
}

/** Members that can be read from. */
export function holders(state: ClusterState, deployment: Deployment, files: readonly NamedFile[]): Member[] {
  return [...state.members.values()].filter(
    (member) =>
      member.state === "alive" && member.isLinkUp && (holdsVerified(member, files) || isInPlace(member, deployment)),
  );
}

/** Starts a transfer, one at a time for each node. */
export function startPull(
  context: StepContext,
  member: Member,
  { deployment, reason }: { readonly deployment: Deployment; readonly reason: string },
): Effect[] {
  const { state, nowMs } = context;
  const files = namedFiles(state, deployment);
  const { model, record, runKey } = deployment;
  if (member.pulling !== null || files === null) return [];
  // From the Internet once: whoever else wants it copies it from the first.
  if (holders(state, deployment, files).length === 0 && isComing(state, deployment)) return [];
  const { nodeId } = member;
  const missingBytes = totalFileBytes(files) - heldBytesOf(member, files);
  const readyAtMs = nowMs + 1000 * fetchSeconds(state, missingBytes);
  member.pulling = { model, runKey, startedAtMs: nowMs, readyAtMs, missingBytes, files };
  const peers = holders(state, deployment, files)
    .filter((other) => other !== member)
    .map(({ address }) => address);
  const source = record.pinned?.source ?? record.spec.source;
  return [
    { kind: "pullModel", nodeId, model, runKey, files, source: isFromElsewhere(source) ? source : "", peers },
    { kind: "announce", announcement: { kind: "pullStarted", nodeId, model, reason } },
  ];
}

function isComing({ members }: ClusterState, { model, runKey }: Deployment): boolean {
  return [...members.values()].some(({ pulling }) => pulling?.model === model && pulling.runKey === runKey);
}

/** Stops transfers of files that nobody asks for any more. What came so far is kept for the next time. */
export function cancelPulls({ state }: StepContext): Effect[] {
  const effects: Effect[] = [];
  for (const member of state.members.values()) {
    const { pulling, nodeId } = member;
    if (pulling === null || state.deployments.get(pulling.model)?.runKey === pulling.runKey) continue;
    member.pulling = null;
    effects.push({ kind: "cancelPull", nodeId, model: pulling.model, runKey: pulling.runKey });
  }
  return effects;
}

const retryMinMs = 5000;
const retryMaxMs = 300_000;

type EndedPull = {
  readonly nodeId: string;
  readonly model: string;
  readonly runKey: string;
  readonly failure: Deployment["failure"];
};

export function takePullEnd(
  { state, nowMs, config }: StepContext,
  { nodeId, model, runKey, failure }: EndedPull,
): Effect[] {
  const member = state.members.get(nodeId);
  const { pulling } = member ?? {};
  if (member === undefined || pulling?.model !== model || pulling.runKey !== runKey) return [];
  member.pulling = null;
  if (failure === null) {
    noteTransfer(state, pulling.missingBytes, nowMs - pulling.startedAtMs);
    notePulled(member, pulling.files, nowMs + 2 * config.heartbeatIntervalMs);
    member.pullFailures.delete(model);
  } else {
    const count = (member.pullFailures.get(model)?.count ?? 0) + 1;
    const waitMs = Math.min(retryMaxMs, retryMinMs * 2 ** (count - 1));
    member.pullFailures.set(model, { count, failure, retryAtMs: nowMs + waitMs });
  }
  const announcement = { kind: "pullEnded", nodeId, model, failure: failure?.message ?? null } as const;
  return [{ kind: "announce", announcement }];
}
