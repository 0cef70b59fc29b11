import { statfs } from "node:fs/promises";
import { PomonaError } from "@pomona/shared/core/errors";

/** This share of the disk stays free: a full disk takes the machine's other programs down, and macOS with them. */
const freeShare = 0.05;

export type DiskSpace = { readonly diskBytes: number; readonly diskFreeBytes: number };

/** Of the disk that holds the folder. */
export async function readDiskSpace(directory: string): Promise<DiskSpace> {
  const { bsize, blocks, bavail } = await statfs(directory);
  return { diskBytes: bsize * blocks, diskFreeBytes: bsize * bavail };
}

/** What may still be written. */
export function usableBytes({ diskBytes, diskFreeBytes }: DiskSpace): number {
  return Math.max(0, Math.floor(diskFreeBytes - freeShare * diskBytes));
}

export type RoomCall = {
  readonly directory: string;
  /** What is about to be written. */
  readonly neededBytes: number;
  readonly what: string;
};

/** @throws PomonaError `disk_full` with what is needed and what is there. */
export async function checkRoom({ directory, neededBytes, what }: RoomCall): Promise<void> {
  const space = await readDiskSpace(directory);
  const usable = usableBytes(space);
  if (neededBytes > usable)
    throw diskFull(what, `it needs ${gigabytes(neededBytes)}, and ${gigabytes(usable)} may be used`);
}

/** An error of the file system as one of ours. `what` says whose bytes could not be written. */
export function writeError(error: unknown, what: string): PomonaError {
  if (error instanceof PomonaError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  if (code === "ENOSPC" || code === "EDQUOT") return diskFull(what, `the system says ${code}`);
  return new PomonaError("transfer_failed", `${what} cannot be written: the system says ${code}`, { cause: error });
}

function diskFull(what: string, why: string): PomonaError {
  const fix = "remove models that nothing uses, or other files; what came so far is kept, and the rest is pulled then";
  const message = `the disk has no room for ${what}: ${why} (5 % of the disk stay free): ${fix}`;
  return new PomonaError("disk_full", message);
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
