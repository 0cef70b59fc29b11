// The files that a node has, whole: those of its store and those that lie elsewhere. Each is watched: one that changes or
// vanishes is neither loaded nor offered until it is what it was.
import { rm, stat } from "node:fs/promises";
import { PomonaError, toPomonaError } from "@pomona/shared/core/errors";
import { failureOf, type GenerationFailure } from "@pomona/shared/core/generation";
import type { StoredFile, StoredFileState } from "@pomona/shared/core/model-files";
import type { Logger } from "@pomona/shared/runtime/logger";
import type { ModelDigests } from "./model-digests.ts";
import { onVolume } from "./sources/local-files.ts";
import { SourceRefusal } from "./sources/source-refusal.ts";

export type HeldFile = {
  readonly digest: string;
  readonly path: string;
  /** Whether it belongs to the store, which may remove it. */
  readonly isOwn: boolean;
  bytes: number;
  state: Exclude<StoredFileState, "pulling">;
  failure: GenerationFailure | null;
};

export type StoredFilesDependencies = { readonly digests: ModelDigests; readonly log: Logger };

/** Files that are told of; in-place files beyond this are loaded all the same. */
const filesMax = 1000;

export class StoredFiles {
  readonly #dependencies: StoredFilesDependencies;
  readonly #files = new Map<string, HeldFile>();
  readonly #controller = new AbortController();

  constructor(dependencies: StoredFilesDependencies) {
    this.#dependencies = dependencies;
  }

  get(digest: string): HeldFile | null {
    return this.#files.get(digest) ?? null;
  }

  list(): StoredFile[] {
    return [...this.#files.values()].map(({ digest, bytes, state, failure }) => {
      const heldBytes = state === "failed" ? 0 : bytes;
      return { digest, bytes, heldBytes, state, failure };
    });
  }

  ownBytes(): number {
    return [...this.#files.values()].reduce((sum, { isOwn, bytes }) => sum + (isOwn ? bytes : 0), 0);
  }

  /** A file of which `digest` is known to be right, or has to be looked at first. */
  add(file: Pick<HeldFile, "digest" | "path" | "isOwn" | "bytes">, state: "verified" | "verifying"): HeldFile {
    const known = this.#files.get(file.digest);
    // A copy of the store does not give way to one that may vanish.
    if (known?.isOwn === true && !file.isOwn && known.state === "verified") return known;
    if (known === undefined && this.#files.size >= filesMax) return { ...file, state, failure: null };
    const held: HeldFile = { ...file, state, failure: null };
    this.#files.set(file.digest, held);
    return held;
  }

  drop(digest: string): void {
    this.#files.delete(digest);
  }

  /** Removes a file of the store from the disk. */
  async remove(file: HeldFile): Promise<void> {
    this.#files.delete(file.digest);
    this.#dependencies.digests.forget(file.path);
    if (file.isOwn) await rm(file.path, { force: true });
  }

  /** Looks at every file, one after the other, without reading those that have not changed. */
  async look(): Promise<void> {
    for (const file of [...this.#files.values()]) {
      if (this.#controller.signal.aborted) return;
      if (this.#files.get(file.digest) === file) await this.#lookAt(file);
    }
  }

  async #lookAt(file: HeldFile): Promise<void> {
    const found = await onVolume(file.path, stat(file.path)).catch((thrown: unknown) => toPomonaError(thrown));
    if (found instanceof PomonaError) {
      // Somebody took it out of the store by hand.
      if (file.isOwn) this.#files.delete(file.digest);
      else this.#fail(file, found);
      return;
    }
    const known = await this.#dependencies.digests.knownDigestOf(file.path);
    if (known === file.digest) this.#pass(file);
    else if (known === null)
      await this.verify(file, { isFresh: false, signal: this.#controller.signal }).catch(() => undefined);
  }

  /**
   * Reads the file when it has changed, or always when `isFresh`.
   * @throws PomonaError `transfer_failed` when it is another one now, `not_found` when it has vanished, `cancelled`.
   */
  async verify(file: HeldFile, call: { readonly isFresh: boolean; readonly signal: AbortSignal }): Promise<void> {
    try {
      file.bytes = (await onVolume(file.path, stat(file.path))).size;
      const found = await this.#dependencies.digests.digestOf(file.path, call);
      if (found !== file.digest) throw changed(file, found);
      this.#pass(file);
    } catch (thrown) {
      const error = toPomonaError(thrown);
      if (error.code !== "cancelled") this.#fail(file, error);
      throw error;
    }
  }

  close(): void {
    this.#controller.abort();
  }

  #pass(file: HeldFile): void {
    file.state = "verified";
    file.failure = null;
  }

  #fail(file: HeldFile, error: PomonaError): void {
    const { digest, path } = file;
    if (file.state !== "failed")
      this.#dependencies.log.error({ digest, path, reason: error.message }, "a model file is not usable");
    file.state = "failed";
    file.failure = failureOf(error);
  }
}

/** Reading it again says the same. */
function changed({ path, digest, isOwn }: HeldFile, found: string): PomonaError {
  const fix = isOwn ? "it is pulled anew when it is needed" : "put the right file back";
  const message = `the bytes of ${path} have changed: its SHA-256 was ${digest.slice(0, 16)}... and is ${found.slice(0, 16)}...`;
  return new SourceRefusal("transfer_failed", `${message}; it is not used, and ${fix}`);
}
