// A file, or the proved beginning of one, that is sent to another node.
import { type FileHandle, open } from "node:fs/promises";
import { PomonaError } from "@pomona/shared/core/errors";
import { digestBytes } from "../core/transfer/chunks.ts";
import type { FilePull } from "./file-pull.ts";

/** Open until `close`. */
export type ReadableFile = {
  readonly bytes: number;
  heldBytes(): number;
  /** SHA-256 of everything up to the end of the chunk; null when it is not held. */
  digestAt(chunk: number): Uint8Array | null;
  /** Fewer bytes than fit only at the end of what is there. */
  read(into: Uint8Array, offset: number): Promise<number>;
  /** Resolves as soon as more than `offset` bytes are held, and after `timeoutMs` at the latest. */
  waitBeyond(offset: number, timeoutMs: number): Promise<void>;
  close(): Promise<void>;
};

/** @throws PomonaError `not_found` when the file has vanished. */
export async function openWholeFile(path: string, bytes: number, chunkDigests: Uint8Array): Promise<ReadableFile> {
  const file = await openFile(path);
  return {
    ...readerOf(file),
    bytes,
    heldBytes: () => bytes,
    digestAt: (chunk) => chunkDigests.subarray(chunk * digestBytes, (chunk + 1) * digestBytes),
    waitBeyond: () => Promise.resolve(),
  };
}

/** What a pull has proved so far; it stays open when the file moves to its place. */
export async function openPulledFile(path: string, pull: FilePull): Promise<ReadableFile> {
  const file = await openFile(path);
  return {
    ...readerOf(file),
    bytes: pull.file.bytes,
    heldBytes: () => pull.servableBytes,
    digestAt: (chunk) => pull.digestAt(chunk),
    waitBeyond: (offset, timeoutMs) => waitBeyond(pull, offset, timeoutMs),
  };
}

async function openFile(path: string): Promise<FileHandle> {
  return await open(path, "r").catch((cause: unknown) => {
    throw new PomonaError("not_found", `${path} cannot be read any more: ask another node`, { cause });
  });
}

function readerOf(file: FileHandle): Pick<ReadableFile, "read" | "close"> {
  return {
    read: async (into, offset) => (await file.read(into, 0, into.length, offset)).bytesRead,
    close: () => file.close(),
  };
}

function waitBeyond(pull: FilePull, offset: number, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (pull.servableBytes > offset || pull.phase === "done") finish();
    };
    const finish = (): void => {
      clearTimeout(timer);
      leave();
      resolve();
    };
    const timer = setTimeout(finish, timeoutMs);
    const leave = pull.onProgress(look);
    look();
  });
}
