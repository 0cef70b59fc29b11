// One file on its way into the store: from other nodes where they have it, else from its source, as often as it takes.
import { setTimeout as delay } from "node:timers/promises";
import { PomonaError, toPomonaError } from "@pomona/shared/core/errors";
import type { NamedFile } from "@pomona/shared/core/model-files";
import type { Logger } from "@pomona/shared/runtime/logger";
import { type RetryLimits, retryDelayMs } from "../core/transfer/retry.ts";
import { checkRoom } from "./disk-space.ts";
import { PartialFile, WrongDigest } from "./partial-file.ts";
import type { PeerFiles } from "./peer-files.ts";
import { PeerPull } from "./peer-pull.ts";
import { pullFromSource } from "./source-pull.ts";
import type { SourcePolicy } from "./sources/guarded-request.ts";
import { SourceRefusal } from "./sources/source-refusal.ts";
import { blobPath, partialPaths, type StoreLayout } from "./store-layout.ts";

/** Where a file may come from. */
export type PullOrigin = {
  /** host:port of Node services. */
  readonly peers: readonly string[];
  /** Looks up where the source has the file; null when there is no source. */
  readonly urlOf: ((file: NamedFile, signal: AbortSignal) => Promise<URL>) | null;
};

export type FilePullDependencies = {
  readonly layout: StoreLayout;
  readonly peerFiles: PeerFiles;
  readonly policy: SourcePolicy;
  readonly retries: RetryLimits;
  readonly nowMs: () => number;
  /** Resolves when the bytes may be taken. */
  readonly onBytes: (bytes: number, from: "peer" | "source", signal: AbortSignal) => Promise<void>;
  /** Bytes that other pulls still have to write. */
  readonly reservedBytes: () => number;
  readonly log: Logger;
};

export type PullPhase = "pulling" | "verifying" | "done";

/** What a whole file was moved to its place with. */
export type PulledFile = { readonly path: string; readonly digest: string; readonly chunkDigests: Uint8Array };

/** A source that sent other bytes so often has another file. */
const wrongDigestsMax = 2;

/** Runs from its making until `done`. */
export class FilePull {
  readonly file: NamedFile;
  readonly #dependencies: FilePullDependencies;
  readonly #controller = new AbortController();
  readonly #peers = new Set<string>();
  readonly #listeners = new Set<() => void>();
  #urlOf: PullOrigin["urlOf"];
  #partial: PartialFile | null = null;
  #peerPull: PeerPull | null = null;
  #isConfirmed = false;
  phase: PullPhase = "verifying";
  /** Rejects with what stood in the way at last. */
  readonly done: Promise<PulledFile>;

  constructor(file: NamedFile, origin: PullOrigin, dependencies: FilePullDependencies) {
    this.file = file;
    this.#dependencies = dependencies;
    this.#urlOf = origin.urlOf;
    for (const peer of origin.peers) this.#peers.add(peer);
    this.done = this.#run();
  }

  get heldBytes(): number {
    return this.#partial?.heldBytes ?? 0;
  }

  /** What may be sent to others already: only what a node that has the file has proved. */
  get servableBytes(): number {
    return this.#isConfirmed ? this.heldBytes : 0;
  }

  digestAt(chunk: number): Uint8Array | null {
    return this.#partial?.digestAt(chunk) ?? null;
  }

  /** Somebody else wants the same file, and knows more places. */
  join({ peers, urlOf }: PullOrigin): void {
    for (const peer of peers) this.#peers.add(peer);
    this.#urlOf ??= urlOf;
    this.#peerPull?.addPeers(peers);
  }

  get isCancelled(): boolean {
    return this.#controller.signal.aborted;
  }

  cancel(): void {
    this.#controller.abort();
  }

  /** Calls back whenever more is held, until the returned function is called. */
  onProgress(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #run(): Promise<PulledFile> {
    const { signal } = this.#controller;
    let failures = 0;
    let wrongDigests = 0;
    for (;;) {
      const heldBefore = this.heldBytes;
      try {
        return await this.#try();
      } catch (thrown) {
        const error = signal.aborted ? cancelled(this.file) : toPomonaError(thrown);
        failures = this.heldBytes > heldBefore ? 1 : failures + 1;
        if (error instanceof WrongDigest) wrongDigests += 1;
        const waitMs = retryDelayMs(failures, Math.random(), this.#dependencies.retries);
        if (!mayRepeat(error) || waitMs === null || wrongDigests >= wrongDigestsMax) throw error;
        const { name, digest } = this.file;
        this.#dependencies.log.warn(
          { file: name, digest, reason: error.message, waitMs },
          "a pull failed and is repeated",
        );
        await delay(waitMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #try(): Promise<PulledFile> {
    const { layout, reservedBytes } = this.#dependencies;
    const { name, bytes, digest } = this.file;
    const { signal } = this.#controller;
    this.#setPhase("verifying");
    const partial = await PartialFile.open({ paths: partialPaths(layout, digest), name, bytes, digest }, signal);
    this.#partial = partial;
    this.#isConfirmed = false;
    try {
      this.#setPhase("pulling");
      const neededBytes = bytes - partial.heldBytes + reservedBytes();
      await checkRoom({ directory: layout.partial, neededBytes, what: name });
      if (!partial.isWhole) await this.#fetch(partial);
      const path = blobPath(layout, digest);
      const moved = await partial.moveTo(path);
      this.#setPhase("done");
      return { path, ...moved };
    } finally {
      await partial.close();
    }
  }

  #setPhase(phase: PullPhase): void {
    this.phase = phase;
    this.#tell();
  }

  readonly #tell = (): void => {
    this.#isConfirmed ||= this.#peerPull?.isConfirmed === true;
    for (const listener of this.#listeners) listener();
  };

  async #fetch(partial: PartialFile): Promise<void> {
    const reason = await this.#fetchFromPeers(partial);
    if (reason === null) return;
    const { policy, onBytes } = this.#dependencies;
    const { signal } = this.#controller;
    const { name } = this.file;
    if (this.#urlOf === null) {
      const message = `no other node gives ${name} (${reason}), and no source is named: start a node that has it, or name one`;
      // Nodes may come back; without any there is nothing to wait for.
      throw this.#peers.size === 0
        ? new SourceRefusal("transfer_failed", message)
        : new PomonaError("transfer_failed", message);
    }
    const url = await this.#urlOf(this.file, signal);
    this.#isConfirmed = false;
    const onSourceBytes = (bytes: number): Promise<void> => onBytes(bytes, "source", signal);
    await pullFromSource({ url, partial, signal }, { policy, onBytes: onSourceBytes, onWritten: this.#tell });
  }

  /** Null when the file is whole, else why it is not. */
  async #fetchFromPeers(partial: PartialFile): Promise<string | null> {
    if (this.#peers.size === 0) return "none is known to have it";
    const { peerFiles, nowMs, onBytes } = this.#dependencies;
    const { signal } = this.#controller;
    const onPeerBytes = (bytes: number, read: AbortSignal): Promise<void> => onBytes(bytes, "peer", read);
    const pull = new PeerPull(
      { partial, peers: [...this.#peers], signal },
      { peerFiles, nowMs, onBytes: onPeerBytes, onWritten: this.#tell },
    );
    this.#peerPull = pull;
    try {
      const end = await pull.done;
      return end.kind === "whole" ? null : end.reason;
    } finally {
      this.#peerPull = null;
    }
  }
}

function mayRepeat(error: PomonaError): boolean {
  if (error instanceof SourceRefusal || error.code === "disk_full") return false;
  return error.isRetryable;
}

function cancelled({ name }: NamedFile): PomonaError {
  return new PomonaError("cancelled", `pulling ${name} was cancelled; what came so far is kept`);
}
