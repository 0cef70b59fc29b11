// What a process keeps on disk: its key and id, how often it started, and a lock against a second process.
import { createHash, createPublicKey, generateKeyPairSync } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PomonaError } from "../core/errors.ts";
import type { NodeId } from "../core/ids.ts";

/** An opened state directory. `release` gives the lock back. */
export type StateDirectory = {
  readonly path: string;
  /** First 32 hex digits of the SHA-256 of the public key (SPKI, DER): the same at every start. */
  readonly id: NodeId;
  /** Counts the starts with this directory, from 1. */
  readonly incarnation: number;
  release(): void;
};

/**
 * Makes the directory where it is missing, and takes it for this process.
 * @throws PomonaError `setup_failed` when it cannot be written, or another living process has it.
 */
export function openStateDirectory(path: string): StateDirectory {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const lockPath = join(path, "lock");
    takeLock(path, lockPath);
    const id = idOf(loadKey(join(path, "node-key.pem")));
    const incarnation = countStart(join(path, "incarnation"));
    return { path, id, incarnation, release: () => rmSync(lockPath, { force: true }) };
  } catch (error) {
    if (error instanceof PomonaError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new PomonaError(
      "setup_failed",
      `the state directory ${path} cannot be written (${reason}): name another with --state-dir, or change its owner`,
      { cause: error },
    );
  }
}

/** Writes a file so that a reader, or the next start after a crash, sees either the old content or the new. */
export function writeFileAtomically(path: string, content: string | Uint8Array, mode = 0o600): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, content, { mode });
  renameSync(temporary, path);
}

/** A small text file's content, or null when there is none. */
export function readTextIfPresent(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

function takeLock(directory: string, lockPath: string): void {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      writeFileSync(lockPath, `${process.pid}\n`, { flag: "wx", mode: 0o600 });
      return;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    const holder = Number(readTextIfPresent(lockPath) ?? "0");
    if (holder !== process.pid && isAlive(holder)) {
      throw new PomonaError(
        "setup_failed",
        `the state directory ${directory} is in use by process ${holder}: stop it, or name another with --state-dir`,
      );
    }
    // Its process is gone without giving it back.
    rmSync(lockPath, { force: true });
  }
  throw new PomonaError("setup_failed", `another process is taking the state directory ${directory} right now`);
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: alive, and another user's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function loadKey(path: string): string {
  const kept = readTextIfPresent(path);
  if (kept !== null) return kept;
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  writeFileAtomically(path, pem);
  return pem;
}

function idOf(privateKeyPem: string): NodeId {
  const spki = createPublicKey(privateKeyPem).export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest("hex").slice(0, 32);
}

function countStart(path: string): number {
  const last = Number(readTextIfPresent(path) ?? "0");
  const incarnation = (Number.isSafeInteger(last) && last > 0 ? last : 0) + 1;
  writeFileAtomically(path, `${incarnation}\n`);
  return incarnation;
}
