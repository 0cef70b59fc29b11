// SHA-256 of model files, computed once for each version of a file and kept over restarts of the node-agent.
import { createHash } from "node:crypto";
import type { Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { PomonaError } from "@pomona/shared/core/errors";
import type { Logger } from "@pomona/shared/runtime/logger";
import { readTextIfPresent, writeFileAtomically } from "@pomona/shared/runtime/state-directory";
import { isJsonObject, parseJson } from "../core/json.ts";

/** Hashing blocks the event loop for one chunk at a time: a megabyte takes 0.5 to 3 ms. */
const chunkBytes = 2 ** 20;
/** Files that are remembered; the least recently used leaves first. */
const keptMax = 256;

export type ModelDigestsDependencies = {
  /** Where digests are kept: a JSON file that this class alone writes. */
  readonly cachePath: string;
  readonly log: Logger;
};

export type DigestCall = {
  /** Reads the file again even when its digest is known. */
  readonly isFresh: boolean;
  readonly signal: AbortSignal;
};

/** What tells two versions of a file apart. */
type FileVersion = { readonly size: number; readonly mtimeMs: number; readonly inode: number };
type Kept = FileVersion & { readonly digest: string };

/** Reads one file at a time: two at once only share the disk. */
export class ModelDigests {
  readonly #dependencies: ModelDigestsDependencies;
  readonly #kept: Map<string, Kept>;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(dependencies: ModelDigestsDependencies) {
    this.#dependencies = dependencies;
    this.#kept = parseKept(readTextIfPresent(dependencies.cachePath) ?? "");
  }

  /**
   * The digest in hex, of a file as it stands.
   * @throws PomonaError `cancelled`, `invalid_model` when the file cannot be read or changes while it is.
   */
  async digestOf(path: string, call: DigestCall): Promise<string> {
    const before = this.#turn;
    const own = before.then(() => this.#digest(path, call));
    this.#turn = own.catch(() => undefined);
    return await beforeAbort(own, call.signal, path);
  }

  async #digest(path: string, { isFresh, signal }: DigestCall): Promise<string> {
    if (signal.aborted) throw cancelled(path);
    const file = await openModel(path);
    try {
      const version = versionOf(await file.stat());
      const kept = this.#kept.get(path);
      if (!isFresh && kept !== undefined && isSame(kept, version)) return kept.digest;
      const digest = await hash(file, path, signal);
      if (!isSame(versionOf(await file.stat()), version)) {
        throw new PomonaError("invalid_model", `${path} was written to while it was read: load it when it is complete`);
      }
      this.#keep(path, { ...version, digest });
      return digest;
    } finally {
      await file.close();
    }
  }

  #keep(path: string, kept: Kept): void {
    this.#kept.delete(path);
    this.#kept.set(path, kept);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= keptMax) break;
      this.#kept.delete(oldest);
    }
    const { cachePath, log } = this.#dependencies;
    try {
      writeFileAtomically(cachePath, `${JSON.stringify({ files: Object.fromEntries(this.#kept) }, null, 1)}\n`);
    } catch (error) {
      // Costs the time to read the file again after the next start, and nothing else.
      log.warn({ path: cachePath, reason: String(error) }, "digests of models cannot be kept");
    }
  }
}

async function openModel(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function hash(file: FileHandle, path: string, signal: AbortSignal): Promise<string> {
  const sha256 = createHash("sha256");
  const chunk = new Uint8Array(chunkBytes);
  for (let position = 0; ; ) {
    if (signal.aborted) throw cancelled(path);
    const { bytesRead } = await file.read(chunk, 0, chunkBytes, position).catch((error: unknown) => {
      throw unreadable(path, error);
    });
    if (bytesRead === 0) return sha256.digest("hex");
    sha256.update(chunk.subarray(0, bytesRead));
    position += bytesRead;
  }
}

/** The result, or `cancelled` as soon as the signal aborts, also while others have their turn. */
function beforeAbort(result: Promise<string>, signal: AbortSignal, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(cancelled(path));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    result.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function versionOf({ size, mtimeMs, ino }: Stats): FileVersion {
  return { size, mtimeMs, inode: ino };
}

function isSame(a: FileVersion, b: FileVersion): boolean {
  return a.size === b.size && a.mtimeMs === b.mtimeMs && a.inode === b.inode;
}

function cancelled(path: string): PomonaError {
  return new PomonaError("cancelled", `reading ${path} was cancelled`);
}

function unreadable(path: string, error: unknown): PomonaError {
  const reason = error instanceof Error && "code" in error ? String(error.code) : String(error);
  return new PomonaError("invalid_model", `${path} cannot be read: the system says ${reason}`, { cause: error });
}

/** What a damaged cache says is left out: it only saves time. */
function parseKept(text: string): Map<string, Kept> {
  const root = parseJson(text);
  const files = isJsonObject(root) ? root["files"] : null;
  const kept = new Map<string, Kept>();
  if (!isJsonObject(files)) return kept;
  for (const [path, entry] of Object.entries(files).slice(-keptMax)) {
    if (!isJsonObject(entry)) continue;
    const { size, mtimeMs, inode, digest } = entry;
    if (typeof size !== "number" || typeof mtimeMs !== "number" || typeof inode !== "number") continue;
    if (typeof digest === "string" && /^[0-9a-f]{64}$/.test(digest)) kept.set(path, { size, mtimeMs, inode, digest });
  }
  return kept;
}
