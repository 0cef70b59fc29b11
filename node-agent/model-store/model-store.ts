// The model files of a node: what it has, what it pulls, and what it gives to others.
import { PomonaError, toPomonaError } from "@pomona/shared/core/errors";
import type { ModelFile, NamedFile, StoredFile } from "@pomona/shared/core/model-files";
import type { Clock } from "@pomona/shared/runtime/clock";
import type { Logger } from "@pomona/shared/runtime/logger";
import type { RetryLimits } from "../core/transfer/retry.ts";
import { type DiskSpace, readDiskSpace } from "./disk-space.ts";
import type { PullPhase } from "./file-pull.ts";
import type { ModelDigests } from "./model-digests.ts";
import { removePartial } from "./partial-file.ts";
import type { PeerFiles } from "./peer-files.ts";
import { openPulledFile, openWholeFile, type ReadableFile } from "./readable-file.ts";
import { RunningPulls } from "./running-pulls.ts";
import type { SourcePolicy } from "./sources/guarded-request.ts";
import { type InspectCall, type InspectedModel, inspectCopies, inspectModel } from "./sources/inspect-model.ts";
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
import type { TransferCount, TransferLimiter } from "./transfer-limiter.ts";

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

export type InspectStored = InspectCall & {
  /** What a path was found to be: where nothing lies at it, copies of these answer for it. */
  readonly known: readonly ModelFile[];
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

/** A file that others sent back as wrong is read again at most so often. */
const doubtIntervalMs = 60_000;

/** Owns a folder. `look` it now and then; `close` stops pulls and keeps what came. */
export class ModelStore {
  readonly #dependencies: ModelStoreDependencies;
  readonly #layout: StoreLayout;
  readonly #files: StoredFiles;
  readonly #pulls: RunningPulls;
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
    this.#pulls = new RunningPulls({ ...dependencies, layout: this.#layout, files: this.#files });
    for (const digest of storedDigests(this.#layout))
      this.#files.add({ digest, path: blobPath(this.#layout, digest), isOwn: true, bytes: 0 }, "verifying");
    for (const [path, { digest, size }] of digests.known())
      if (!path.startsWith(directory)) this.#files.add({ digest, path, isOwn: false, bytes: size }, "verifying");
  }

  get disk(): DiskSpace {
    return this.#disk;
  }

  /** Bytes of whole files in the store. */
  ownBytes(): number {
    return this.#files.ownBytes();
  }

  statuses(): StoredFile[] {
    const pulling = this.#pulls.statuses();
    const taken = new Set(pulling.map(({ digest }) => digest));
    const whole = this.#files.list().filter(({ digest }) => !taken.has(digest));
    for (const { digest } of whole) taken.add(digest);
    return [...pulling, ...whole, ...this.#pulls.failures().filter(({ digest }) => !taken.has(digest))];
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

  /** @throws PomonaError as `inspectModel`. */
  async inspect({ known, ...call }: InspectStored): Promise<InspectedModel> {
    try {
      return await inspectModel(call, this.#dependencies);
    } catch (thrown) {
      const copies = known.flatMap((file) => {
        const held = this.#files.get(file.digest ?? "");
        return held?.state === "verified" ? [{ path: held.path, file }] : [];
      });
      const isHere = known.length > 0 && copies.length === known.length;
      if (!isHere || toPomonaError(thrown).code !== "not_found") throw thrown;
      return await inspectCopies(call, copies);
    }
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
    const { peers, signal } = call;
    for (const file of files) {
      report();
      await this.#pulls.ended(file.digest);
      if (await this.#isHere(file, signal)) continue;
      await this.#pulls.run(file, { peers, urlOf: origin.urlOf }, { signal, onProgress: report });
    }
    call.onProgress({ ...this.#progressOf(files), phase: "done" });
  }

  #progressOf(files: readonly NamedFile[]): PullProgress {
    let [heldBytes, totalBytes, phase]: [number, number, PullPhase] = [0, 0, "verifying"];
    for (const { digest, bytes } of files) {
      const running = this.#pulls.get(digest);
      totalBytes += bytes;
      heldBytes += running?.heldBytes ?? (this.#files.get(digest)?.state === "verified" ? bytes : 0);
      if (running !== null) phase = running.phase;
    }
    return { heldBytes, totalBytes, phase };
  }

  async #isHere(file: NamedFile, signal: AbortSignal): Promise<boolean> {
    const held = this.#files.get(file.digest);
    if (held === null || this.#pulls.get(file.digest) !== null) return false;
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
    const running = this.#pulls.get(digest);
    if (running !== null) return await openPulledFile(partialPaths(this.#layout, digest).data, running);
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
    const wasKnown = await this.#pulls.forget(digest);
    const hadPart = await removePartial(partialPaths(this.#layout, digest));
    const held = this.#files.get(digest);
    if (held === null && (wasKnown || hadPart)) return;
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
    await this.#pulls.close();
  }
}

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
