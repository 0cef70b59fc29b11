// States of running requests on their way between nodes: what is fetched from a peer and held for it, and what is saved here
// for a peer to fetch. The files are private, and none of them outlives its call.
import { mkdirSync, rmSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { PomonaError } from "@pomona/shared/core/errors";
import type { ReplicaId } from "@pomona/shared/core/ids";
import type { StateHeader } from "@pomona/shared/grpc/wire-states";
import type { Clock } from "@pomona/shared/runtime/clock";
import type { AttemptId } from "./core/held-attempts.ts";
import { giveRoom, noPeerStates, type PeerStateLimits, takeRoom } from "./core/peer-state-limits.ts";
import type { AdoptedState, EngineReplica } from "./engine/engine.ts";
import type { HeldState, HoldCall, SentState, StatesPort } from "./node-port.ts";

/** A state is held no longer, whatever becomes of its request. */
const ageMaxMs = 600_000;
/** Saved for peers at the same time: each stands on the disk whole. */
const sentMax = 4;

/** A replica with what names those that can use its states. */
export type StatefulReplica = { readonly engine: EngineReplica; readonly key: string };

export type StateReader = {
  readonly signal: AbortSignal;
  readonly onHeader: (header: StateHeader) => Promise<void>;
  /** In order; nothing more comes while the promise is pending. */
  readonly onPiece: (piece: Uint8Array) => Promise<void>;
};

/** Other nodes, by host:port of their Node service. */
export type StateSource = {
  /** Returns the CRC-32 that the sender tells of all. @throws PomonaError what it answered, `node_lost`, `transfer_failed`. */
  read(address: string, id: AttemptId, reader: StateReader): Promise<number>;
};

export type PeerStatesParts = {
  /** Emptied at the start. */
  readonly directory: string;
  readonly limits: PeerStateLimits;
  readonly clock: Clock;
  readonly source: StateSource;
  /** Resolves when so many bytes may pass. */
  readonly pass: (bytes: number, signal: AbortSignal) => Promise<void>;
  /** @throws PomonaError `not_found`. */
  readonly replica: (replicaId: ReplicaId) => StatefulReplica;
  /** Where a request runs. @throws PomonaError `not_found`. */
  readonly replicaOf: (id: AttemptId) => StatefulReplica;
  readonly onCame: (address: string, bytes: number, ms: number) => void;
};

export class PeerStates implements StatesPort {
  readonly #parts: PeerStatesParts;
  readonly #use = noPeerStates();
  #lastFile = 0;
  #sent = 0;

  constructor(parts: PeerStatesParts) {
    this.#parts = parts;
    rmSync(parts.directory, { recursive: true, force: true });
    mkdirSync(parts.directory, { recursive: true, mode: 0o700 });
  }

  /** Bytes of others' states. */
  get heldBytes(): number {
    return this.#use.heldBytes;
  }

  async hold(call: HoldCall, signal: AbortSignal, onHeld: (held: HeldState) => void): Promise<void> {
    const { engine, key } = this.#parts.replica(call.replicaId);
    const path = this.#newPath();
    let bytes = 0;
    try {
      const onHeader = (header: StateHeader): void => {
        if (header.key !== key) throw unequal(call);
        this.#makeRoom(header.bytes);
        bytes = header.bytes;
      };
      const { state, transferMs } = await this.#fetch(call, path, { signal, onHeader });
      engine.adoptState(state);
      onHeld({ bytes, transferMs });
      await lasting(signal, engine);
    } finally {
      engine.dropState(path);
      await rm(path, { force: true });
      giveRoom(this.#use, bytes);
    }
  }

  /** @throws PomonaError `failed_precondition`. */
  #makeRoom(bytes: number): void {
    const { clock, limits } = this.#parts;
    if (takeRoom(this.#use, bytes, { nowMs: clock.nowMs(), limits })) return;
    const message = `a state of ${bytes} bytes is more than this node takes from others: see stateReceivedBytes`;
    throw new PomonaError("failed_precondition", message);
  }

  async #fetch(
    { peer, timeoutMs, ...id }: HoldCall,
    path: string,
    { signal, onHeader }: { readonly signal: AbortSignal; readonly onHeader: (header: StateHeader) => void },
  ): Promise<{ readonly state: AdoptedState; readonly transferMs: number }> {
    const { clock, source, pass, onCame } = this.#parts;
    const late = AbortSignal.timeout(timeoutMs);
    const until = AbortSignal.any([signal, late]);
    const file = await open(path, "wx", 0o600);
    let [header, came, sum, headerAtMs]: [StateHeader | null, number, number, number] = [null, 0, 0, clock.nowMs()];
    try {
      const told = await source.read(peer, id, {
        signal: until,
        onHeader: async (described) => {
          onHeader(described);
          header = described;
          headerAtMs = clock.nowMs();
        },
        onPiece: async (piece) => {
          came += piece.length;
          if (header === null || came > header.bytes)
            throw new PomonaError("transfer_failed", `${peer} sends too much`);
          sum = crc32(piece, sum);
          await file.writeFile(piece);
          await pass(piece.length, until);
        },
      });
      const described = wholeOf(header, { came, sum, told }, peer);
      const transferMs = clock.nowMs() - headerAtMs;
      onCame(peer, came, transferMs);
      return { state: { ...described, requestId: id.requestId, path, crc32: sum }, transferMs };
    } catch (error) {
      if (!late.aborted) throw error;
      throw new PomonaError("deadline_exceeded", `${peer} sent ${came} bytes of a state in ${timeoutMs} ms`);
    } finally {
      await file.close();
    }
  }

  async send(id: AttemptId): Promise<SentState> {
    const { engine, key } = this.#parts.replicaOf(id);
    if (this.#sent >= sentMax) throw new PomonaError("slots_full", `${sentMax} states are sent already`);
    this.#sent += 1;
    const path = this.#newPath();
    const forget = async (): Promise<void> => {
      this.#sent -= 1;
      await rm(path, { force: true });
    };
    try {
      const state = await engine.saveState(id.requestId, id.epoch, path);
      const file = await open(path, "r");
      const header = { key, ...state };
      return { header, ...readerOf(file, this.#parts.pass), close: () => closeAnd(file, forget) };
    } catch (error) {
      await forget();
      throw error;
    }
  }

  #newPath(): string {
    this.#lastFile += 1;
    return join(this.#parts.directory, `${this.#lastFile}.kv`);
  }
}

function readerOf(
  file: FileHandle,
  pass: PeerStatesParts["pass"],
): Pick<SentState, "read"> & { readonly crc32: () => number } {
  let sum = 0;
  return {
    read: async (buffer, signal) => {
      const { bytesRead } = await file.read(buffer);
      sum = crc32(buffer.subarray(0, bytesRead), sum);
      if (bytesRead > 0) await pass(bytesRead, signal);
      return bytesRead;
    },
    crc32: () => sum,
  };
}

async function closeAnd(file: FileHandle, forget: () => Promise<void>): Promise<void> {
  try {
    await file.close();
  } finally {
    await forget();
  }
}

type Came = { readonly came: number; readonly sum: number; readonly told: number };

/** @throws PomonaError `transfer_failed` when what came is not all, or not what was sent. */
function wholeOf(header: StateHeader | null, { came, sum, told }: Came, peer: string): StateHeader {
  if (header !== null && came === header.bytes && sum === told) return header;
  throw new PomonaError("transfer_failed", `${peer} sent ${came} bytes of a state that is not whole`);
}

function unequal({ peer, replicaId }: HoldCall): PomonaError {
  const message = `${peer} runs the request on a replica that is not equal to ${replicaId}: their states differ`;
  return new PomonaError("failed_precondition", message);
}

/** Resolves when the call ends, the replica is gone, or the state is too old. */
async function lasting(signal: AbortSignal, engine: EngineReplica): Promise<void> {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const timer = setTimeout(end, ageMaxMs).unref();
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  await Promise.race([ended, engine.exited]);
  clearTimeout(timer);
  signal.removeEventListener("abort", end);
}
