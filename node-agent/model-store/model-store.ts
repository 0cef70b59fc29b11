// The model files of a node: what it has, what it pulls, and what it gives to others.
import { PomonaError, toPomonaError } from "@pomona/shared/core/errors";
import type { ModelFile, NamedFile, StoredFile } from "@pomona/shared/core/model-files";
import type { Clock } from "@pomona/shared/runtime/clock";
import type { Logger } from "@pomona/shared/runtime/logger";
import type { RetryLimits } from "../core/transfer/retry.ts";
import { type DiskSpace, readDiskSpace } from "./disk-space.ts";
import { FilePull, type PulledFile, type PullOrigin, type PullPhase } from "./file-pull.ts";
import type { ModelDigests } from "./model-digests.ts";
import { removePartial, syncFile } from "./partial-file.ts";
import type { PeerFiles } from "./peer-files.ts";
import { openPulledFile, openWholeFile, type ReadableFile } from "./readable-file.ts";
import type { SourcePolicy } from "./sources/guarded-request.ts";
import { type InspectedModel, inspectModel } from "./sources/inspect-model.ts";
import { resolveSource } from "./sources/resolve-source.ts";
import {
  blobPath,
  linkSet,
  openStoreLayout,
  partialPaths,
  removeBrokenSets,
  type StoreLayout,
  storedDigests,
} from "./store-layout.ts";
import { type HeldFile, StoredFiles } from "./stored-files.ts";
import type { TransferLimiter } from "./transfer-limiter.ts";

export type TransferCount = { readonly direction: "received" | "sent"; readonly peer: "node" | "source" };

export type ModelStoreDependencies = {
  /** `<state>/models`. */
  readonly directory: string;
  readonly digests: ModelDigests;
  readonly peerFiles: PeerFiles;
  readonly policy: SourcePolicy;
  readonly retries: RetryLimits;
  readonly limiter: TransferLimiter;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onTransfer: (bytes: number, count: TransferCount) => void;
};

export type PullCall = {
  readonly files: readonly ModelFile[];
  /** Empty for none. */
  readonly source: string;
  readonly peers: readonly string[];
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PullProgress) => void;
};

export type PullProgress = { readonly heldBytes: number; readonly totalBytes: number; readonly phase: PullPhase };

type RunningPull = { readonly pull: FilePull; readonly held: Promise<HeldFile>; callers: number };

/** A file that others sent back as wrong is read again at most so often. */
const doubtIntervalMs = 60_000;

/** Owns a folder. `look` it now and then; `close` stops pulls and keeps what came. */
export class ModelStore {
  readonly #dependencies: ModelStoreDependencies;
  readonly #layout: StoreLayout;
  readonly #files: StoredFiles;
  readonly #pulls = new Map<string, RunningPull>();
  readonly #failed = new Map<string, StoredFile>();
  readonly #doubtedAtMs = new Map<string, number>();
  readonly #closing = new AbortController();
  #disk: DiskSpace = { diskBytes: 0, diskFreeBytes: 0 };
  #looking: Promise<void> | null = null;

  /** @throws Error when the folder cannot be made. */
  constructor(dependencies: ModelStoreDependencies) {
    const { directory, clock, digests } = dependencies;
    this.#dependencies = dependencies;
    this.#layout = openStoreLayout(directory, clock.wallMs());
    this.#files = new StoredFiles(dependencies);
    for (const digest of storedDigests(this.#layout))
      this.#files.add({ digest, path: blobPath(this.#layout, digest), isOwn: true, bytes: 0 }, "verifying");
    for (const [path, { digest, size }] of digests.known())
      if (!path.startsWith(directory)) this.#files.add({ digest, path, isOwn: false, bytes: size }, "verifying");
  }

  get limiter(): TransferLimiter {
    return this.#dependencies.limiter;
  }

  get disk(): DiskSpace {
    return this.#disk;
  }

  /** Bytes of whole files in the store. */
  ownBytes(): number {
    return this.#files.ownBytes();
  }

  statuses(): StoredFile[] {
    const pulling = [...this.#pulls.values()].map(({ pull }): StoredFile => {
      const { digest, bytes } = pull.file;
      const state = pull.phase === "verifying" ? "verifying" : "pulling";
      return { digest, bytes, heldBytes: pull.heldBytes, state, failure: null };
    });
    const taken = new Set(pulling.map(({ digest }) => digest));
    const whole = this.#files.list().filter(({ digest }) => !taken.has(digest));
    for (const { digest } of whole) taken.add(digest);
    return [...pulling, ...whole, ...[...this.#failed.values()].filter(({ digest }) => !taken.has(digest))];
  }

  /** Looks at the disk, and at every file that may have changed. Calls while one runs wait for it. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    this.#disk = await readDiskSpace(this.#layout.blobs);
    await this.#files.look();
  }

  async inspect(source: string, digest: string, signal: AbortSignal): Promise<InspectedModel> {
    return await inspectModel({ source, digest, signal }, this.#dependencies);
  }

  /** Counts bytes on their way to another node, and holds them back where they are too many. */
  async passSent(bytes: number, signal: AbortSignal): Promise<void> {
    this.#dependencies.onTransfer(bytes, { direction: "sent", peer: "node" });
    await this.#dependencies.limiter.pass(bytes, signal);
  }

  /**
   * Resolves when all files are here and verified; one that is under way for somebody else is joined.
   * @throws PomonaError `invalid_request` without digests, `disk_full`, `transfer_failed`, `not_found`, `cancelled`.
   */
  async pull(call: PullCall): Promise<void> {
    const files = namedFiles(call.files);
    const { policy, digests, directory } = this.#dependencies;
    const origin = await resolveSource(call.source, files, {
      policy,
      digests,
      modelsDirectory: directory,
      signal: call.signal,
    });
    for (const { path, file } of origin.inPlace) this.adopt(path, file);
    const report = (): void => call.onProgress(this.#progressOf(files));
    for (const file of files) {
      report();
      await this.#pullFile(
        file,
        { peers: call.peers, urlOf: origin.urlOf },
        { signal: call.signal, onProgress: report },
      );
    }
    call.onProgress({ ...this.#progressOf(files), phase: "done" });
  }

  #progressOf(files: readonly NamedFile[]): PullProgress {
    let [heldBytes, totalBytes, phase]: [number, number, PullPhase] = [0, 0, "verifying"];
    for (const { digest, bytes } of files) {
      const running = this.#pulls.get(digest)?.pull;
      totalBytes += bytes;
      heldBytes += running?.heldBytes ?? (this.#files.get(digest)?.state === "verified" ? bytes : 0);
      if (running !== undefined) phase = running.phase;
    }
    return { heldBytes, totalBytes, phase };
  }

  async #pullFile(
    file: NamedFile,
    origin: PullOrigin,
    { signal, onProgress }: Pick<PullCall, "signal"> & { readonly onProgress: () => void },
  ): Promise<void> {
    // One that its last caller has left ends before another begins.
    const left = this.#pulls.get(file.digest);
    if (left?.pull.isCancelled === true) await left.held.catch(() => undefined);
    if (await this.#isHere(file, signal)) return;
    if (signal.aborted || this.#closing.signal.aborted)
      throw new PomonaError("cancelled", `pulling ${file.name} was cancelled`);
    const running = this.#pulls.get(file.digest) ?? this.#startPull(file, origin);
    running.pull.join(origin);
    running.callers += 1;
    const leave = running.pull.onProgress(onProgress);
    const abort = cancelledBy(signal, file);
    try {
      await Promise.race([running.held, abort.promise]);
    } finally {
      abort.forget();
      leave();
      running.callers -= 1;
      // Nobody waits for it any more.
      if (running.callers === 0) running.pull.cancel();
    }
  }

  async #isHere(file: NamedFile, signal: AbortSignal): Promise<boolean> {
    const held = this.#files.get(file.digest);
    if (held === null || this.#pulls.has(file.digest)) return false;
    try {
      await this.#files.verify(held, { isFresh: false, signal });
      return true;
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      // A process that has mapped it keeps it; the next one gets another file under the same name.
      await this.#files.remove(held);
      return false;
    }
  }

  #startPull(file: NamedFile, origin: PullOrigin): RunningPull {
    const { peerFiles, policy, retries, limiter, clock, log, onTransfer } = this.#dependencies;
    const pull = new FilePull(file, origin, {
      layout: this.#layout,
      peerFiles,
      policy,
      retries,
      log,
      nowMs: () => clock.nowMs(),
      onBytes: async (bytes, from, signal) => {
        onTransfer(bytes, { direction: "received", peer: from === "peer" ? "node" : "source" });
        await limiter.pass(bytes, signal);
      },
      reservedBytes: () => this.#reservedBytes(file.digest),
    });
    const running: RunningPull = { pull, held: this.#keep(pull), callers: 0 };
    this.#failed.delete(file.digest);
    this.#pulls.set(file.digest, running);
    running.held.catch(() => undefined);
    return running;
  }

  async #keep(pull: FilePull): Promise<HeldFile> {
    const { digest, bytes, name } = pull.file;
    try {
      const pulled = await pull.done;
      await this.#dependencies.digests.remember(pulled.path, pulled);
      void this.#sync(pulled);
      return this.#files.add({ digest, path: pulled.path, isOwn: true, bytes }, "verified");
    } catch (thrown) {
      const error = toPomonaError(thrown);
      if (error.code !== "cancelled") {
        this.#dependencies.log.error({ file: name, digest, code: error.code, reason: error.message }, "a pull failed");
        const failure = { code: error.code, message: error.message, isRetryable: error.isRetryable };
        this.#failed.set(digest, { digest, bytes, heldBytes: pull.heldBytes, state: "failed", failure });
        for (const oldest of this.#failed.keys()) if (this.#failed.size > failedMax) this.#failed.delete(oldest);
      }
      throw error;
    } finally {
      this.#pulls.delete(digest);
    }
  }

  /** A loss of power before the disk has everything makes the next start read the file again. */
  async #sync({ path }: PulledFile): Promise<void> {
    try {
      await syncFile(path);
      this.#dependencies.digests.synced(path);
    } catch (error) {
      this.#dependencies.log.warn({ path, reason: String(error) }, "a model file may not have reached the disk");
    }
  }

  #reservedBytes(except: string): number {
    const others = [...this.#pulls].filter(([digest]) => digest !== except);
    return others.reduce((sum, [, { pull }]) => sum + pull.file.bytes - pull.heldBytes, 0);
  }

  /** Files that lie elsewhere and have been read. */
  adopt(path: string, { digest, bytes }: Pick<NamedFile, "digest" | "bytes">): void {
    if (path !== blobPath(this.#layout, digest)) this.#files.add({ digest, path, isOwn: false, bytes }, "verified");
  }

  /**
   * Verifies the files, and returns the path by which an engine finds all of them.
   * @throws PomonaError `not_found` for a file that is not here, `transfer_failed` for one that has changed.
   */
  async provide(files: readonly ModelFile[], signal: AbortSignal): Promise<string> {
    const held = namedFiles(files).map((file) => ({ ...file, held: this.#heldFile(file) }));
    for (const file of held) await this.#files.verify(file.held, { isFresh: false, signal });
    const [first, second] = held;
    if (first !== undefined && second === undefined) return first.held.path;
    return linkSet(
      this.#layout,
      held.map(({ held: { path }, ...file }) => ({ ...file, path })),
    );
  }

  /** Reads them all again: an engine died with them. @throws PomonaError as `provide`. */
  async verifyAnew(files: readonly ModelFile[], signal: AbortSignal): Promise<void> {
    for (const file of namedFiles(files)) await this.#files.verify(this.#heldFile(file), { isFresh: true, signal });
  }

  #heldFile({ digest, name }: NamedFile): HeldFile {
    const held = this.#files.get(digest);
    if (held !== null) return held;
    const fix = "pull it, or deploy the model again";
    throw new PomonaError(
      "not_found",
      `${name} (SHA-256 ${digest.slice(0, 16)}...) is not in this node's store: ${fix}`,
    );
  }

  /** @throws PomonaError `not_found` when nothing of it can be sent. */
  async openForSending(digest: string): Promise<ReadableFile> {
    const running = this.#pulls.get(digest)?.pull;
    if (running !== undefined) return await openPulledFile(partialPaths(this.#layout, digest).data, running);
    const held = this.#files.get(digest);
    const isUnchanged =
      held?.state === "verified" && (await this.#dependencies.digests.knownDigestOf(held.path)) === digest;
    const chunks = isUnchanged ? await this.#dependencies.digests.chunkDigestsOf(digest, held.bytes) : null;
    if (isUnchanged && chunks !== null) return await openWholeFile(held.path, held.bytes, chunks);
    // It is looked at now, and can be asked for again.
    if (held !== null)
      void this.#files.verify(held, { isFresh: isUnchanged, signal: this.#closing.signal }).catch(() => undefined);
    throw new PomonaError(
      "not_found",
      `the file with the SHA-256 ${digest.slice(0, 16)}... is not on this node: ask another`,
    );
  }

  /** Another node got wrong bytes from here. */
  doubt(digest: string): void {
    const held = this.#files.get(digest);
    const nowMs = this.#dependencies.clock.nowMs();
    if (held === null || nowMs - (this.#doubtedAtMs.get(digest) ?? -doubtIntervalMs) < doubtIntervalMs) return;
    this.#doubtedAtMs.set(digest, nowMs);
    void this.#files.verify(held, { isFresh: true, signal: this.#closing.signal }).catch(() => undefined);
  }

  /** @throws PomonaError `not_found`, `failed_precondition` for a file that lies elsewhere. */
  async remove(digest: string): Promise<void> {
    const running = this.#pulls.get(digest);
    running?.pull.cancel();
    await running?.held.catch(() => undefined);
    const hadFailed = this.#failed.delete(digest);
    const hadPart = await removePartial(partialPaths(this.#layout, digest));
    const held = this.#files.get(digest);
    if (held === null && (hadFailed || hadPart || running !== undefined)) return;
    if (held === null)
      throw new PomonaError("not_found", `there is no file with the SHA-256 ${digest.slice(0, 16)}... here`);
    if (!held.isOwn) {
      const message = `${held.path} is not the store's, which uses it where it lies: remove it there`;
      throw new PomonaError("failed_precondition", message);
    }
    await this.#files.remove(held);
    removeBrokenSets(this.#layout);
  }

  /** Stops all pulls; what came so far is kept. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#files.close();
    const running = [...this.#pulls.values()];
    for (const { pull } of running) pull.cancel();
    await Promise.all(running.map(({ held }) => held.catch(() => undefined)));
  }
}

/** Failed pulls that are told of; the oldest leave first. */
const failedMax = 64;

/** @throws PomonaError `invalid_request` for a file that nothing could prove. */
function namedFiles(files: readonly ModelFile[]): NamedFile[] {
  if (files.length === 0) throw new PomonaError("invalid_request", "no file is named", { field: "files" });
  return files.map(({ name, bytes, digest }) => {
    if (digest === null || bytes === 0) {
      const message = `${name} has no SHA-256 or no length, so that nothing could prove what comes: name both`;
      throw new PomonaError("invalid_request", message, { field: "files.digest" });
    }
    return { name, bytes, digest };
  });
}

/** A promise that rejects when the signal aborts, until it is forgotten. */
function cancelledBy(signal: AbortSignal, { name }: NamedFile): { readonly promise: Promise<never>; forget(): void } {
  let abort = (): void => undefined;
  const promise = new Promise<never>((_resolve, reject) => {
    abort = () => reject(new PomonaError("cancelled", `pulling ${name} was cancelled; what came so far is kept`));
    signal.addEventListener("abort", abort, { once: true });
  });
  promise.catch(() => undefined);
  return { promise, forget: () => signal.removeEventListener("abort", abort) };
}
