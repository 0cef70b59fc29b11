// The pulls of a node: one for each file, however many wait for it.
import { PomonaError, toPomonaError } from "@pomona/shared/core/errors";
import type { NamedFile, StoredFile } from "@pomona/shared/core/model-files";
import type { Clock } from "@pomona/shared/runtime/clock";
import { FilePull, type FilePullDependencies, type PulledFile, type PullOrigin } from "./file-pull.ts";
import type { ModelDigests } from "./model-digests.ts";
import { syncFile } from "./partial-file.ts";
import type { HeldFile, StoredFiles } from "./stored-files.ts";
import type { TransferCount, TransferLimiter } from "./transfer-limiter.ts";

export type RunningPullsDependencies = Pick<
  FilePullDependencies,
  "layout" | "peerFiles" | "policy" | "retries" | "log"
> & {
  readonly digests: ModelDigests;
  readonly limiter: TransferLimiter;
  readonly clock: Clock;
  readonly onTransfer: (bytes: number, count: TransferCount) => void;
  /** Gets what has come whole. */
  readonly files: StoredFiles;
};

type RunningPull = { readonly pull: FilePull; readonly held: Promise<HeldFile>; callers: number };

export type PullWaiter = { readonly signal: AbortSignal; readonly onProgress: () => void };

export class RunningPulls {
  readonly #dependencies: RunningPullsDependencies;
  readonly #pulls = new Map<string, RunningPull>();
  readonly #failed = new Map<string, StoredFile>();
  #isClosing = false;

  constructor(dependencies: RunningPullsDependencies) {
    this.#dependencies = dependencies;
  }

  get(digest: string): FilePull | null {
    return this.#pulls.get(digest)?.pull ?? null;
  }

  statuses(): StoredFile[] {
    return [...this.#pulls.values()].map(({ pull }): StoredFile => {
      const { digest, bytes } = pull.file;
      const state = pull.phase === "verifying" ? "verifying" : "pulling";
      return { digest, bytes, heldBytes: pull.heldBytes, state, failure: null };
    });
  }

  /** Pulls that ended with less than the whole file, until they are tried again. */
  failures(): StoredFile[] {
    return [...this.#failed.values()];
  }

  /** Waits for the end of a pull that its last caller has left. */
  async ended(digest: string): Promise<void> {
    const left = this.#pulls.get(digest);
    if (left?.pull.isCancelled === true) await left.held.catch(() => undefined);
  }

  /** Whether there was anything to forget; a pull that runs is ended. */
  async forget(digest: string): Promise<boolean> {
    const running = this.#pulls.get(digest);
    running?.pull.cancel();
    await running?.held.catch(() => undefined);
    return this.#failed.delete(digest) || running !== undefined;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    const running = [...this.#pulls.values()];
    for (const { pull } of running) pull.cancel();
    await Promise.all(running.map(({ held }) => held.catch(() => undefined)));
  }

  /** Joins the pull of the file, or begins it. It ends when nobody waits for it any more. */
  async run(file: NamedFile, origin: PullOrigin, { signal, onProgress }: PullWaiter): Promise<void> {
    if (signal.aborted || this.#isClosing) throw new PomonaError("cancelled", `pulling ${file.name} was cancelled`);
    const running = this.#pulls.get(file.digest) ?? this.#start(file, origin);
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
      if (running.callers === 0) running.pull.cancel();
    }
  }

  #start(file: NamedFile, origin: PullOrigin): RunningPull {
    const { layout, peerFiles, policy, retries, limiter, clock, log, onTransfer } = this.#dependencies;
    const pull = new FilePull(file, origin, {
      layout,
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
      return this.#dependencies.files.add({ digest, path: pulled.path, isOwn: true, bytes }, "verified");
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
}

/** Failed pulls that are told of; the oldest leave first. */
const failedMax = 64;

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
