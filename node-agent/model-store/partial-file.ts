// A file while it comes: always a verified beginning of it, and nothing else. It survives the process and is read again
// before a pull goes on, because a disk, or somebody else, may have changed it.
import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { PomonaError } from "@pomona/shared/core/errors";
import { chunkBytes, chunkCount, chunkRange, digestBytes } from "../core/transfer/chunks.ts";
import { checkRoom, writeError } from "./disk-space.ts";
import { type FileVersion, isSame, versionOf } from "./model-digests.ts";
import type { PartialPaths } from "./store-layout.ts";

const pieceBytes = 2 ** 20;

export type PartialSpec = {
  readonly paths: PartialPaths;
  /** For messages. */
  readonly name: string;
  readonly bytes: number;
  readonly digest: string;
};

/** All bytes came, and they are those of another file. */
export class WrongDigest extends PomonaError {}

/** Owns two files until `close`. One writer at a time. */
export class PartialFile {
  readonly spec: PartialSpec;
  readonly #data: FileHandle;
  readonly #digests: FileHandle;
  /** Of all that is verified. */
  #hash: Hash = createHash("sha256");
  #chunkDigests: Buffer[] = [];
  #version: FileVersion | null = null;

  private constructor(spec: PartialSpec, data: FileHandle, digests: FileHandle) {
    this.spec = spec;
    this.#data = data;
    this.#digests = digests;
  }

  /**
   * Opens what an earlier pull left, or begins anew. Bytes that are not what they were when they came are cut off.
   * @throws PomonaError `disk_full`, `transfer_failed`, `cancelled`.
   */
  static async open(spec: PartialSpec, signal: AbortSignal): Promise<PartialFile> {
    const { name, paths } = spec;
    let data: FileHandle | null = null;
    try {
      data = await openOrCreate(paths.data);
      const partial = new PartialFile(spec, data, await openOrCreate(paths.digests));
      await partial.#verify(signal);
      return partial;
    } catch (error) {
      await data?.close();
      throw writeError(error, name);
    }
  }

  /** Chunks on disk, from the beginning. */
  get chunks(): number {
    return this.#chunkDigests.length;
  }

  get heldBytes(): number {
    return Math.min(this.chunks * chunkBytes, this.spec.bytes);
  }

  get isWhole(): boolean {
    return this.chunks === chunkCount(this.spec.bytes);
  }

  /** A copy that may go on. */
  hash(): Hash {
    return this.#hash.copy();
  }

  digestAt(chunk: number): Buffer | null {
    return this.#chunkDigests[chunk] ?? null;
  }

  /**
   * Writes the next chunk. `hash` is that of everything up to its end.
   * @throws PomonaError `disk_full`; `transfer_failed` when somebody else has written to the file: open it again.
   */
  async append(chunk: Uint8Array, hash: Hash): Promise<void> {
    const { offset, length } = chunkRange(this.chunks, this.spec.bytes);
    const { name, paths } = this.spec;
    try {
      await this.#checkUntouched();
      await checkRoom({ directory: dirname(paths.data), neededBytes: length, what: name });
      await writeAll(this.#data, chunk, offset);
      await this.#digests.write(hash.copy().digest(), 0, digestBytes, this.chunks * digestBytes);
    } catch (error) {
      throw writeError(error, this.spec.name);
    }
    this.#version = versionOf(await this.#data.stat());
    if (this.#version.size !== offset + length) throw this.#touched();
    this.#hash = hash;
    this.#chunkDigests.push(hash.copy().digest());
  }

  async read(into: Uint8Array, offset: number): Promise<number> {
    return (await this.#data.read(into, 0, into.length, offset)).bytesRead;
  }

  /** Forgets everything. */
  async discard(): Promise<void> {
    await this.#cut(0);
    this.#hash = createHash("sha256");
    this.#chunkDigests = [];
  }

  /**
   * Moves the whole file to its place, or throws away one that is another than was promised.
   * @throws WrongDigest; PomonaError `transfer_failed` when somebody else has written to the file.
   */
  async moveTo(target: string): Promise<{ readonly digest: string; readonly chunkDigests: Uint8Array }> {
    await this.#checkUntouched();
    const digest = this.#hash.copy().digest("hex");
    if (!this.isWhole || digest !== this.spec.digest) {
      await this.discard();
      throw new WrongDigest("transfer_failed", wrongDigest(this.spec, digest));
    }
    await rename(this.spec.paths.data, target);
    await rm(this.spec.paths.digests, { force: true });
    return { digest, chunkDigests: Buffer.concat(this.#chunkDigests) };
  }

  async close(): Promise<void> {
    await Promise.all([this.#data.close(), this.#digests.close()]);
  }

  async #verify(signal: AbortSignal): Promise<void> {
    const known = await this.#digests.readFile();
    const piece = Buffer.allocUnsafe(pieceBytes);
    const chunks = Math.min(Math.floor(known.length / digestBytes), chunkCount(this.spec.bytes));
    for (let chunk = 0; chunk < chunks; chunk += 1) {
      const hash = this.hash();
      const isThere = await this.#readChunk({ chunk, piece, hash, signal });
      const digest = hash.copy().digest();
      if (!isThere || !digest.equals(known.subarray(chunk * digestBytes, (chunk + 1) * digestBytes))) break;
      this.#hash = hash;
      this.#chunkDigests.push(digest);
    }
    await this.#cut(this.chunks);
  }

  async #readChunk({ chunk, piece, hash, signal }: ChunkRead): Promise<boolean> {
    const { offset, length } = chunkRange(chunk, this.spec.bytes);
    for (let done = 0; done < length; ) {
      if (signal.aborted) throw new PomonaError("cancelled", `pulling ${this.spec.name} was cancelled`);
      const { bytesRead } = await this.#data.read(piece, 0, Math.min(piece.length, length - done), offset + done);
      if (bytesRead === 0) return false;
      hash.update(piece.subarray(0, bytesRead));
      done += bytesRead;
    }
    return true;
  }

  async #cut(chunks: number): Promise<void> {
    await this.#data.truncate(Math.min(chunks * chunkBytes, this.spec.bytes));
    await this.#digests.truncate(chunks * digestBytes);
    this.#version = versionOf(await this.#data.stat());
  }

  async #checkUntouched(): Promise<void> {
    const now = versionOf(await this.#data.stat());
    if (this.#version === null || isSame(now, this.#version)) return;
    throw this.#touched();
  }

  #touched(): PomonaError {
    const { name, paths } = this.spec;
    return new PomonaError(
      "transfer_failed",
      `${paths.data} of ${name} was changed while it was pulled: it is read again`,
    );
  }
}

type ChunkRead = {
  readonly chunk: number;
  readonly piece: Buffer;
  readonly hash: Hash;
  readonly signal: AbortSignal;
};

/** For reading and writing, with whatever is in it. */
async function openOrCreate(path: string): Promise<FileHandle> {
  return await open(path, "a+", 0o600).then(async (created) => {
    // A file opened for appending takes no positions.
    await created.close();
    return await open(path, "r+");
  });
}

async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
}

/** What to do about a file that is not the one that was wanted. */
function wrongDigest({ name, digest }: PartialSpec, found: string): string {
  return (
    `${name} has the SHA-256 ${found.slice(0, 16)}... instead of ${digest.slice(0, 16)}...: ` +
    "what came is thrown away; look whether the source still has the file that was asked for"
  );
}

/** Resolves when a file's data have reached the disk. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r");
  await file.datasync().finally(() => file.close());
}

/** Whether there was anything. */
export async function removePartial({ data, digests }: PartialPaths): Promise<boolean> {
  await rm(digests, { force: true });
  return await rm(data).then(
    () => true,
    () => false,
  );
}
