// Carries out what the plan of a pull says: reads chunks from several nodes at once, proves and writes them in order.
import { createHash, type Hash } from "node:crypto";
import { PomonaError, toPomonaError } from "@pomona/shared/core/errors";
import { chunkBytes, chunkRange, wholeChunks } from "../core/transfer/chunks.ts";
import { nextPullWakeMs, stepPull } from "../core/transfer/pull-plan.ts";
import { type PullEffect, type PullEvent, type PullState, pullLimits, startPull } from "../core/transfer/pull-state.ts";
import { BufferPool } from "./buffer-pool.ts";
import type { PartialFile } from "./partial-file.ts";
import type { ChunkAnswer, PeerFiles } from "./peer-files.ts";

export type PeerPullCall = {
  readonly partial: PartialFile;
  readonly peers: readonly string[];
  readonly signal: AbortSignal;
};

export type PeerPullDependencies = {
  readonly peerFiles: PeerFiles;
  readonly nowMs: () => number;
  /** Resolves when the bytes may be taken; told of every piece. */
  readonly onBytes: (bytes: number, signal: AbortSignal) => Promise<void>;
  /** More of the file is proved and on disk. */
  readonly onWritten: () => void;
};

export type PeerPullEnd = { readonly kind: "whole" } | { readonly kind: "gaveUp"; readonly reason: string };

type Read = {
  readonly address: string;
  readonly chunk: number;
  readonly controller: AbortController;
  readonly data: Buffer;
  cameBytes: number;
  /** Of everything up to what of this chunk was hashed; null until the chunks before it are verified. */
  hash: Hash | null;
  hashedBytes: number;
  digestSoFar: Uint8Array | null;
};

type Executors = { readonly [Kind in PullEffect["kind"]]: (effect: Extract<PullEffect, { kind: Kind }>) => void };

/** One pull of one file. */
export class PeerPull {
  readonly #call: PeerPullCall;
  readonly #dependencies: PeerPullDependencies;
  readonly #state: PullState;
  readonly #reads = new Map<string, Read>();
  readonly #events: PullEvent[] = [];
  readonly #end: (end: PeerPullEnd | PomonaError) => void;
  /** Resolves when the file is whole, or no node gives more of it. Rejects for faults of this node's own disk. */
  readonly done: Promise<PeerPullEnd>;
  readonly #closing = new AbortController();
  readonly #buffers = new BufferPool({ bytes: chunkBytes, keptMax: pullLimits.windowChunks });
  /** Of all verified chunks, also of those that are being written. */
  #hash: Hash;
  /** Writes, one after the other. */
  #disk: Promise<void> = Promise.resolve();
  /** Counts how often all was thrown away: writes of before say nothing any more. */
  #round = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStepping = false;
  #isEnded = false;

  constructor(call: PeerPullCall, dependencies: PeerPullDependencies) {
    this.#call = call;
    this.#dependencies = dependencies;
    const { partial, signal } = call;
    this.#hash = partial.hash();
    this.#state = startPull({ fileBytes: partial.spec.bytes, heldChunks: partial.chunks, nowMs: dependencies.nowMs() });
    let end: (end: PeerPullEnd | PomonaError) => void = () => undefined;
    const ended = new Promise<PeerPullEnd | PomonaError>((resolve) => {
      end = resolve;
    });
    this.#end = (result) => {
      this.#isEnded = true;
      end(result);
    };
    const stop = (): void => this.#end(new PomonaError("cancelled", `pulling ${partial.spec.name} was cancelled`));
    signal.addEventListener("abort", stop, { once: true });
    this.done = ended.then(async (result) => {
      signal.removeEventListener("abort", stop);
      await this.#close();
      if (result instanceof PomonaError) throw result;
      return result;
    });
    if (signal.aborted) stop();
    this.addPeers(call.peers);
  }

  /** Whether a node that has the file has proved what is here. */
  get isConfirmed(): boolean {
    return this.#state.isConfirmed && this.#state.written > 0;
  }

  addPeers(addresses: readonly string[]): void {
    for (const address of addresses) this.#take({ kind: "peerAdded", address });
    this.#take({ kind: "timePassed" });
  }

  async #close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#closing.abort();
    for (const { controller } of this.#reads.values()) controller.abort();
    await this.#disk;
  }

  /** Events that come while one is taken wait for their turn. */
  #take(event: PullEvent): void {
    this.#events.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    for (let next = this.#events.shift(); next !== undefined && !this.#isEnded; next = this.#events.shift()) {
      this.#state.jitter = Math.random();
      for (const effect of stepPull(this.#state, next, this.#dependencies.nowMs())) this.#execute(effect);
    }
    this.#isStepping = false;
    this.#setTimer();
  }

  #execute(effect: PullEffect): void {
    if (this.#isEnded) return;
    // The table is total over kinds; the compiler cannot see that this entry takes this effect.
    const executor = this.#executors[effect.kind] as (effect: PullEffect) => void;
    executor(effect);
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    if (this.#isEnded) return;
    const nowMs = this.#dependencies.nowMs();
    const waitMs = nextPullWakeMs(this.#state, nowMs) - nowMs;
    if (Number.isFinite(waitMs)) this.#timer = setTimeout(() => this.#take({ kind: "timePassed" }), waitMs + 1);
  }

  readonly #executors: Executors = {
    read: ({ address, chunk }) => void this.#read(address, chunk),
    probe: ({ address, chunk }) => void this.#probe(address, chunk),
    cancelRead: ({ address, chunk }) => this.#cancel(keyOf(address, chunk)),
    verify: ({ address, chunk }) => this.#verify(address, chunk),
    tellDoubt: ({ address }) => this.#dependencies.peerFiles.doubt(address, this.#call.partial.spec.digest),
    discard: () => this.#discard(),
    finish: () => this.#end({ kind: "whole" }),
    giveUp: ({ reason }) => this.#end({ kind: "gaveUp", reason }),
  };

  async #probe(address: string, chunk: number): Promise<void> {
    const { digest, bytes } = this.#call.partial.spec;
    const { offset } = chunkRange(chunk, bytes);
    try {
      const held = await this.#dependencies.peerFiles.probe(address, { digest, offset }, this.#closing.signal);
      this.#take({ kind: "peerHolds", address, chunks: wholeChunks(held, bytes) });
      this.#take({ kind: "probeEnded", address, failure: null });
    } catch (thrown) {
      this.#take({ kind: "probeEnded", address, failure: toPomonaError(thrown).message });
    }
  }

  async #read(address: string, chunk: number): Promise<void> {
    const controller = new AbortController();
    const data = this.#buffers.take();
    const read: Read = {
      address,
      chunk,
      controller,
      data,
      cameBytes: 0,
      hash: null,
      hashedBytes: 0,
      digestSoFar: null,
    };
    const key = keyOf(address, chunk);
    this.#reads.set(key, read);
    const { digest, bytes } = this.#call.partial.spec;
    const onPiece = async (piece: Uint8Array): Promise<void> => {
      if (read.cameBytes === 0) this.#take({ kind: "chunkBegan", address, chunk });
      data.set(piece, read.cameBytes);
      read.cameBytes += piece.length;
      if (chunk === this.#state.verified) this.#hashCame(read);
      await this.#dependencies.onBytes(piece.length, controller.signal);
    };
    try {
      const request = { digest, ...chunkRange(chunk, bytes) };
      const answer = await this.#dependencies.peerFiles.read(address, request, { signal: controller.signal, onPiece });
      this.#takeAnswer(read, answer);
    } catch (thrown) {
      // One that was cancelled may have a successor for the same chunk.
      if (this.#reads.get(key) !== read) return;
      this.#reads.delete(key);
      const { message } = toPomonaError(thrown);
      this.#take({ kind: "readEnded", address, chunk, end: { kind: "failed", message } });
    }
  }

  #takeAnswer(read: Read, answer: ChunkAnswer): void {
    const { address, chunk } = read;
    const key = keyOf(address, chunk);
    if (this.#reads.get(key) !== read) return;
    if (answer.kind === "chunk") {
      read.digestSoFar = answer.digestSoFar;
      this.#take({ kind: "chunkCame", address, chunk });
      if (this.#state.arrived.get(chunk) !== address) this.#reads.delete(key);
    } else {
      this.#buffers.give(read.data);
      this.#reads.delete(key);
      this.#take({ kind: "readEnded", address, chunk, end: { kind: answer.kind } });
    }
    this.#take({ kind: "peerHolds", address, chunks: wholeChunks(answer.heldBytes, this.#call.partial.spec.bytes) });
  }

  #cancel(key: string): void {
    this.#reads.get(key)?.controller.abort();
    this.#reads.delete(key);
  }

  /** As bytes come they are still in the processor's cache. */
  #hashCame(read: Read): Hash {
    read.hash ??= this.#hash.copy();
    read.hash.update(read.data.subarray(read.hashedBytes, read.cameBytes));
    read.hashedBytes = read.cameBytes;
    return read.hash;
  }

  #verify(address: string, chunk: number): void {
    const key = keyOf(address, chunk);
    const read = this.#reads.get(key);
    this.#reads.delete(key);
    if (read === undefined) {
      this.#take({ kind: "chunkRefused" });
      return;
    }
    const hash = this.#hashCame(read);
    const found = hash.copy().digest();
    const isLast = chunk === this.#state.chunks - 1;
    if (read.digestSoFar === null || !found.equals(read.digestSoFar)) {
      this.#buffers.give(read.data);
      this.#take({ kind: "chunkRefused" });
    } else if (isLast && found.toString("hex") !== this.#call.partial.spec.digest) {
      this.#take({ kind: "fileRefused" });
    } else {
      this.#hash = hash;
      this.#take({ kind: "chunkVerified" });
      this.#write(read, hash);
    }
  }

  #write({ data, cameBytes }: Read, hash: Hash): void {
    const { partial } = this.#call;
    const round = this.#round;
    this.#onDisk(async () => {
      if (round === this.#round) await partial.append(data.subarray(0, cameBytes), hash);
      this.#buffers.give(data);
      if (round !== this.#round) return;
      this.#take({ kind: "chunkWritten" });
      this.#dependencies.onWritten();
    });
  }

  #discard(): void {
    const { partial } = this.#call;
    this.#round += 1;
    this.#hash = createHash("sha256");
    for (const { controller } of this.#reads.values()) controller.abort();
    this.#reads.clear();
    this.#onDisk(async () => {
      await partial.discard();
      this.#dependencies.onWritten();
    });
  }

  #onDisk(work: () => Promise<void>): void {
    this.#disk = this.#disk.then(async () => {
      if (this.#isEnded) return;
      await work().catch((thrown: unknown) => this.#end(toPomonaError(thrown)));
    });
  }
}

function keyOf(address: string, chunk: number): string {
  return `${chunk} ${address}`;
}
