// Which chunk of a file comes from which node next. What is verified is always a beginning of the file: a chunk is proved
// by the digest of everything up to its end, so one pass of SHA-256 proves the chunks and makes the digest of the whole.
import { type PullEffect, type PullEvent, type PullPeer, type PullState, pullLimits } from "./pull-state.ts";

/** Takes the event into the state, and says what to do now. */
export function stepPull(state: PullState, event: PullEvent, nowMs: number): PullEffect[] {
  const effects = takeEvent(state, event, nowMs);
  if (state.written === state.chunks) return [...effects, { kind: "finish" }];
  const next = state.arrived.get(state.verified);
  if (next !== undefined && !state.isVerifying) {
    state.isVerifying = true;
    effects.push({ kind: "verify", address: next, chunk: state.verified });
  }
  return [...effects, ...planReads(state, nowMs), ...giveUpIfHopeless(state, nowMs)];
}

function takeEvent(state: PullState, event: PullEvent, nowMs: number): PullEffect[] {
  switch (event.kind) {
    case "timePassed":
      return [];
    case "peerAdded":
      addPeer(state, event.address);
      return [];
    case "peerHolds":
      noteHeld(state, event, nowMs);
      return [];
    case "probeEnded":
      endProbe(state, event, nowMs);
      return [];
    case "readEnded":
      endRead(state, event, nowMs);
      return [];
    case "chunkBegan": {
      const read = state.peers.get(event.address)?.reading.get(event.chunk);
      if (read !== undefined) read.hasBegun = true;
      return [];
    }
    case "chunkCame":
      return takeChunk(state, event, nowMs);
    case "chunkVerified":
      state.arrived.delete(state.verified);
      state.verified += 1;
      state.isVerifying = false;
      state.isConfirmed = true;
      return [];
    case "chunkWritten":
      state.written += 1;
      state.lastProgressMs = nowMs;
      return [];
    case "chunkRefused":
      return refuseChunk(state);
    case "fileRefused":
      return [...strike(state, state.arrived.get(state.verified)), ...discard(state)];
  }
}

function addPeer(state: PullState, address: string): void {
  if (state.peers.has(address)) return;
  state.peers.set(address, {
    address,
    heldChunks: 0,
    heldAtMs: 0,
    reading: new Map(),
    isProbing: false,
    notBeforeMs: 0,
    noProbeBeforeMs: 0,
    failures: 0,
    isStruck: false,
    lastFailure: "",
  });
}

function noteHeld(state: PullState, event: PullEvent & { kind: "peerHolds" }, nowMs: number): void {
  const peer = state.peers.get(event.address);
  if (peer === undefined) return;
  if (event.chunks > peer.heldChunks) peer.heldAtMs = nowMs;
  peer.heldChunks = Math.min(event.chunks, state.chunks);
  peer.failures = 0;
}

function endProbe(state: PullState, { address, failure }: PullEvent & { kind: "probeEnded" }, nowMs: number): void {
  const peer = state.peers.get(address);
  if (peer === undefined) return;
  peer.isProbing = false;
  if (failure !== null) noteFailure(state, { peer, message: failure, nowMs });
  // A node that says at once that it has no more would be asked without end.
  else if (peer.heldChunks <= state.written) peer.noProbeBeforeMs = nowMs + busyWaitMs(state);
}

function busyWaitMs({ jitter }: PullState): number {
  return pullLimits.busyMs * (1 + jitter);
}

function noteFailure(
  state: PullState,
  { peer, message, nowMs }: { readonly peer: PullPeer; readonly message: string; readonly nowMs: number },
): void {
  peer.failures += 1;
  peer.lastFailure = message;
  // It may have lost what it had: it is asked first.
  peer.heldChunks = 0;
  const waitMs = Math.min(pullLimits.failureWaitMinMs * 2 ** (peer.failures - 1), pullLimits.failureWaitMaxMs);
  peer.notBeforeMs = nowMs + waitMs * (0.5 + state.jitter);
}

function endRead(state: PullState, event: PullEvent & { kind: "readEnded" }, nowMs: number): void {
  const peer = state.peers.get(event.address);
  if (peer === undefined || !peer.reading.delete(event.chunk)) return;
  switch (event.end.kind) {
    case "busy":
      peer.notBeforeMs = nowMs + busyWaitMs(state);
      return;
    case "notHeld":
      peer.heldChunks = Math.min(peer.heldChunks, event.chunk);
      return;
    case "failed":
      noteFailure(state, { peer, message: event.end.message, nowMs });
      return;
  }
}

function takeChunk(state: PullState, event: PullEvent & { kind: "chunkCame" }, nowMs: number): PullEffect[] {
  const { address, chunk } = event;
  const peer = state.peers.get(address);
  if (peer === undefined || !peer.reading.delete(chunk)) return [];
  peer.failures = 0;
  state.upstream = peer;
  state.lastProgressMs = nowMs;
  const cancels: PullEffect[] = [];
  for (const other of state.peers.values())
    if (other.reading.delete(chunk)) cancels.push({ kind: "cancelRead", address: other.address, chunk });
  if (chunk >= state.verified && !state.arrived.has(chunk)) state.arrived.set(chunk, address);
  return cancels;
}

function refuseChunk(state: PullState): PullEffect[] {
  const chunk = state.verified;
  const address = state.arrived.get(chunk);
  state.arrived.delete(chunk);
  state.isVerifying = false;
  // What an earlier pull left may be as wrong as what just came.
  if (!state.isConfirmed) return discard(state);
  return strike(state, address);
}

function strike(state: PullState, address: string | undefined): PullEffect[] {
  const peer = state.peers.get(address ?? "");
  if (peer === undefined) return [];
  const chunk = state.verified;
  const cancels = [...peer.reading.keys()].map(
    (read) => ({ kind: "cancelRead", address: peer.address, chunk: read }) as const,
  );
  peer.reading.clear();
  peer.isStruck = true;
  peer.lastFailure = `it sent chunk ${chunk} with other bytes than its digest says`;
  return [...cancels, { kind: "tellDoubt", address: peer.address, chunk }];
}

function discard(state: PullState): PullEffect[] {
  const cancels: PullEffect[] = [];
  for (const { address, reading } of state.peers.values()) {
    for (const chunk of reading.keys()) cancels.push({ kind: "cancelRead", address, chunk });
    reading.clear();
  }
  state.arrived.clear();
  state.isVerifying = false;
  state.verified = 0;
  state.written = 0;
  state.isConfirmed = true;
  return [...cancels, { kind: "discard" }];
}

function planReads(state: PullState, nowMs: number): PullEffect[] {
  const effects: PullEffect[] = [];
  const end = Math.min(state.written + pullLimits.windowChunks, state.chunks);
  for (let chunk = state.verified; chunk < end; chunk += 1) {
    if (state.arrived.has(chunk)) continue;
    const reader = readerOf(state, chunk);
    const peer = choosePeer(state, chunk, nowMs);
    if (reader !== null) effects.push(...moveRead(state, reader, { peer, chunk, nowMs }));
    else if (peer !== null) effects.push(startRead({ peer, chunk, nowMs }));
  }
  effects.push(...hedge(state, nowMs));
  for (const peer of state.peers.values()) {
    const isDue = isAskable(peer, nowMs) && peer.noProbeBeforeMs <= nowMs;
    if (!isDue || peer.isProbing || peer.heldChunks > state.written || state.written >= state.chunks) continue;
    peer.isProbing = true;
    effects.push({ kind: "probe", address: peer.address, chunk: state.written });
  }
  return effects;
}

type ReadStart<Peer> = { readonly peer: Peer; readonly chunk: number; readonly nowMs: number };

function startRead({ peer, chunk, nowMs }: ReadStart<PullPeer>): PullEffect {
  peer.reading.set(chunk, { startedAtMs: nowMs, hasBegun: false });
  return { kind: "read", address: peer.address, chunk };
}

function readerOf(state: PullState, chunk: number): PullPeer | null {
  for (const peer of state.peers.values()) if (peer.reading.has(chunk)) return peer;
  return null;
}

/** A node sends to one at a time: who waits there goes to a node that has got the chunk meanwhile. */
function moveRead(
  state: PullState,
  reader: PullPeer,
  { peer, chunk, nowMs }: ReadStart<PullPeer | null>,
): PullEffect[] {
  const read = reader.reading.get(chunk);
  if (read === undefined || read.hasBegun || peer === null || peer === reader || hasAll(state, peer)) return [];
  if (!hasAll(state, reader) && nowMs - read.startedAtMs < pullLimits.moveMs) return [];
  reader.reading.delete(chunk);
  return [{ kind: "cancelRead", address: reader.address, chunk }, startRead({ peer, chunk, nowMs })];
}

function hasAll({ chunks }: PullState, { heldChunks }: PullPeer): boolean {
  return heldChunks >= chunks;
}

function isAskable(peer: PullPeer, nowMs: number): boolean {
  return !peer.isStruck && peer.notBeforeMs <= nowMs;
}

/**
 * Nodes that pull themselves come first: those that have all are the only ones that others can ask. Who follows such a
 * node stays with it and waits for what it gets next, so that nodes form a chain and do not all ask the first.
 */
function choosePeer(state: PullState, chunk: number, nowMs: number): PullPeer | null {
  const { upstream } = state;
  const isFollowing = upstream !== null && !hasAll(state, upstream) && isAskable(upstream, nowMs);
  if (isFollowing && nowMs - upstream.heldAtMs < pullLimits.followMs && !isWaitingLong(upstream, nowMs))
    return canSend(upstream, chunk, nowMs) ? upstream : null;
  let best: PullPeer | null = null;
  for (const peer of state.peers.values()) {
    if (canSend(peer, chunk, nowMs) && (best === null || rank(state, peer) < rank(state, best))) best = peer;
  }
  return best;
}

function canSend(peer: PullPeer, chunk: number, nowMs: number): boolean {
  return isAskable(peer, nowMs) && peer.heldChunks > chunk && peer.reading.size < pullLimits.readsPerPeer;
}

function isWaitingLong({ reading }: PullPeer, nowMs: number): boolean {
  const reads = [...reading.values()];
  return reads.length > 0 && reads.every((read) => !read.hasBegun && nowMs - read.startedAtMs >= pullLimits.moveMs);
}

function rank(state: PullState, peer: PullPeer): number {
  return peer.reading.size + (hasAll(state, peer) ? pullLimits.readsPerPeer : 0);
}

function hedge(state: PullState, nowMs: number): PullEffect[] {
  const chunk = state.verified;
  const readers = [...state.peers.values()].filter(({ reading }) => reading.size > 0);
  const [only] = readers;
  const startedAtMs = only?.reading.get(chunk)?.startedAtMs ?? nowMs;
  // Somebody still reads another chunk, or two are asked already.
  if (only === undefined || readers.length > 1 || nowMs - startedAtMs < pullLimits.hedgeMs) return [];
  const peer = [...state.peers.values()].find(
    (other) => other !== only && isAskable(other, nowMs) && other.heldChunks > chunk,
  );
  return peer === undefined ? [] : [startRead({ peer, chunk, nowMs })];
}

function giveUpIfHopeless(state: PullState, nowMs: number): PullEffect[] {
  if (state.isVerifying || state.verified > state.written) return [];
  const peers = [...state.peers.values()];
  const isHopeless = peers.every(({ isStruck, failures }) => isStruck || failures >= pullLimits.failuresMax);
  const isLate = nowMs - state.lastProgressMs > pullLimits.patienceMs;
  if (!isHopeless && !isLate) return [];
  if (peers.some(({ reading }) => reading.size > 0) && !isLate) return [];
  const told = peers.map(({ address, lastFailure }) => `${address}: ${lastFailure || "it holds nothing more"}`);
  return [{ kind: "giveUp", reason: told.join("; ") || "no node was named" }];
}

/** When something is due without an event; infinite when nothing is. */
export function nextPullWakeMs(state: PullState, nowMs: number): number {
  const due = [state.lastProgressMs + pullLimits.patienceMs + 1];
  for (const { isStruck, notBeforeMs, noProbeBeforeMs, heldAtMs, reading } of state.peers.values()) {
    if (!isStruck) due.push(notBeforeMs, noProbeBeforeMs);
    due.push(heldAtMs + pullLimits.followMs);
    for (const { startedAtMs, hasBegun } of reading.values()) {
      due.push(startedAtMs + pullLimits.hedgeMs);
      if (!hasBegun) due.push(startedAtMs + pullLimits.moveMs);
    }
  }
  return Math.min(...due.filter((atMs) => atMs > nowMs));
}
