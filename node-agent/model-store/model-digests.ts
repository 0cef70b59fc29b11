// SHA-256 of model files, computed once for each version of a file and kept over restarts of the node-agent.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, type Stats } from "node:fs";
import { type FileHandle, open, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PomonaError } from "@pomona/shared/core/errors";
import { isSha256 } from "@pomona/shared/core/model-files";
import type { Logger } from "@pomona/shared/runtime/logger";
import { readTextIfPresent, writeFileAtomically } from "@pomona/shared/runtime/state-directory";
import { isJsonObject, parseJson } from "../core/json.ts";
import { chunkBytes, chunkCount, digestBytes } from "../core/transfer/chunks.ts";

/** Hashing blocks the event loop for one piece at a time: a megabyte takes 0.5 to 3 ms. */
const pieceBytes = 2 ** 20;
/** Files that are remembered; the least recently used leaves first. */
const keptMax = 256;

export type ModelDigestsDependencies = {
  /** Where digests are kept: a JSON file that this class alone writes. Those of chunks stand in a folder beside it. */
  readonly cachePath: string;
  readonly log: Logger;
};

export type DigestCall = {
  /** Reads the file again even when its digest is known. */
  readonly isFresh: boolean;
  readonly signal: AbortSignal;
};

/** What tells two versions of a file apart. */
export type FileVersion = { readonly size: number; readonly mtimeMs: number; readonly inode: number };
type Kept = FileVersion & { readonly digest: string };
type Hashed = { readonly digest: string; readonly chunkDigests: Uint8Array };

/** Reads one file at a time: two at once only share the disk. */
export class ModelDigests {
  readonly #dependencies: ModelDigestsDependencies;
  readonly #chunksDirectory: string;
  readonly #kept: Map<string, Kept>;
  /** Paths of files that a loss of power might still undo: they are told to nobody after a restart. */
  readonly #unsynced = new Set<string>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(dependencies: ModelDigestsDependencies) {
    this.#dependencies = dependencies;
    this.#chunksDirectory = join(dirname(dependencies.cachePath), "chunk-digests");
    this.#kept = parseKept(readTextIfPresent(dependencies.cachePath) ?? "");
    this.#removeOrphans();
  }

  /** Every file whose digest is known, as it was when it was read. */
  known(): ReadonlyMap<string, FileVersion & { readonly digest: string }> {
    return this.#kept;
  }

  /** The digest of a file that has not changed since it was read; null when that is not known. */
  async knownDigestOf(path: string): Promise<string | null> {
    const kept = this.#kept.get(path);
    if (kept === undefined) return null;
    const found = await stat(path).catch(() => null);
    return found !== null && isSame(kept, versionOf(found)) ? kept.digest : null;
  }

  /**
   * SHA-256 of the file up to the end of each chunk, 32 bytes each; null when the file has not been read since the last
   * one was lost.
   */
  async chunkDigestsOf(digest: string, fileBytes: number): Promise<Uint8Array | null> {
    const kept = await readFile(this.#chunksPath(digest)).catch(() => null);
    return kept?.length === chunkCount(fileBytes) * digestBytes ? kept : null;
  }

  /**
   * Takes over what whoever wrote the file knows of it. Until `synced` a restart reads the file again.
   * @throws PomonaError `invalid_model` when the file is not there.
   */
  async remember(path: string, { digest, chunkDigests }: Hashed): Promise<void> {
    const found = await stat(path).catch((error: unknown) => Promise.reject(unreadable(path, error)));
    this.#writeChunks(digest, chunkDigests);
    this.#unsynced.add(path);
    this.#keep(path, { ...versionOf(found), digest });
  }

  /** The file has reached the disk. */
  synced(path: string): void {
    const kept = this.#kept.get(path);
    if (this.#unsynced.delete(path) && kept !== undefined) this.#keep(path, kept);
  }

  forget(path: string): void {
    if (this.#kept.delete(path)) this.#write();
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
      const hashed = await hash(file, path, signal);
      if (!isSame(versionOf(await file.stat()), version)) {
        throw new PomonaError("invalid_model", `${path} was written to while it was read: load it when it is complete`);
      }
      this.#writeChunks(hashed.digest, hashed.chunkDigests);
      this.#keep(path, { ...version, digest: hashed.digest });
      return hashed.digest;
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
    this.#write();
  }

  #write(): void {
    const { cachePath, log } = this.#dependencies;
    const files = Object.fromEntries([...this.#kept].filter(([path]) => !this.#unsynced.has(path)));
    try {
      writeFileAtomically(cachePath, `${JSON.stringify({ files }, null, 1)}\n`);
    } catch (error) {
      // Costs the time to read the file again after the next start, and nothing else.
      log.warn({ path: cachePath, reason: String(error) }, "digests of models cannot be kept");
    }
  }

  #chunksPath(digest: string): string {
    return join(this.#chunksDirectory, digest);
  }

  #writeChunks(digest: string, chunkDigests: Uint8Array): void {
    const { log } = this.#dependencies;
    try {
      mkdirSync(this.#chunksDirectory, { recursive: true, mode: 0o700 });
      writeFileAtomically(this.#chunksPath(digest), chunkDigests);
    } catch (error) {
      log.warn({ path: this.#chunksDirectory, reason: String(error) }, "digests of chunks cannot be kept");
    }
  }

  /** Digests of chunks whose file nobody remembers. */
  #removeOrphans(): void {
    const digests = new Set([...this.#kept.values()].map(({ digest }) => digest));
    for (const name of namesIn(this.#chunksDirectory))
      if (!digests.has(name)) rmSync(this.#chunksPath(name), { force: true, recursive: true });
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

async function openModel(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function hash(file: FileHandle, path: string, signal: AbortSignal): Promise<Hashed> {
  const sha256 = createHash("sha256");
  const piece = new Uint8Array(pieceBytes);
  const chunkDigests: Buffer[] = [];
  for (let position = 0; ; ) {
    if (signal.aborted) throw cancelled(path);
    // A piece never reaches over the end of a chunk.
    const wanted = Math.min(pieceBytes, chunkBytes - (position % chunkBytes));
    const { bytesRead } = await file.read(piece, 0, wanted, position).catch((error: unknown) => {
      throw unreadable(path, error);
    });
    if (bytesRead === 0) {
      const digest = sha256.digest();
      if (position % chunkBytes !== 0) chunkDigests.push(digest);
      return { digest: digest.toString("hex"), chunkDigests: Buffer.concat(chunkDigests) };
    }
    sha256.update(piece.subarray(0, bytesRead));
    position += bytesRead;
    if (position % chunkBytes === 0) chunkDigests.push(sha256.copy().digest());
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

export function versionOf({ size, mtimeMs, ino }: Stats): FileVersion {
  return { size, mtimeMs, inode: ino };
}

export function isSame(a: FileVersion, b: FileVersion): boolean {
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
    if (typeof digest === "string" && isSha256(digest)) kept.set(path, { size, mtimeMs, inode, digest });
  }
  return kept;
}
