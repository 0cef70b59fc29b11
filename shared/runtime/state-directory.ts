// What a process keeps on disk: its key and id, how often it started, and a lock against a second process.
import { createHash, createPublicKey, generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { PomonaError } from "../core/errors.ts";
import type { NodeId } from "../core/ids.ts";

/** An opened state directory. */
export type StateDirectory = {
  readonly path: string;
  /** First 32 hex digits of the SHA-256 of the public key (SPKI, DER): the same at every start. */
  readonly id: NodeId;
  /** Counts the starts with this directory, from 1. */
  readonly incarnation: number;
  /**
   * For a process that stops: one that is started with this directory from now on waits until it is released.
   * `onWanted` is called once, when one does.
   */
  offer(onWanted: () => void): void;
  /** Gives the lock back; does nothing when that was done before. */
  release(): void;
};

/**
 * Makes the directory where it is missing, and takes it for this process: from one that offers it within 10 s.
 * @throws PomonaError `setup_failed` when it cannot be written, or another living process has it.
 */
export async function openStateDirectory(path: string): Promise<StateDirectory> {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const lock = await DirectoryLock.take(path);
    const id = idOf(loadKey(join(path, "node-key.pem")));
    const incarnation = countStart(join(path, "incarnation"));
    return { path, id, incarnation, offer: (onWanted) => lock.offer(onWanted), release: () => lock.release() };
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

/** A process that stops hands its directory over within this time. */
const handoverMs = 10_000;
const pollMs = 10;

/** The lock of a directory, held by this process. */
class DirectoryLock {
  readonly #path: string;
  #waiting: NodeJS.Timeout | null = null;
  #isReleased = false;

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * Takes the lock; waits, at most 10 s, for a holder that has offered it.
   * @throws PomonaError `setup_failed` when another living process has it.
   */
  static async take(directory: string): Promise<DirectoryLock> {
    const path = join(directory, "lock");
    const untilMs = performance.now() + handoverMs;
    while (!isTaken(path)) {
      const holder = await holderOf(path);
      if (holder === null) continue;
      const { pid, isOffered } = holder;
      // A process that is gone has not given it back.
      if (pid === process.pid || !isAlive(pid)) rmSync(path, { force: true });
      else if (isOffered && performance.now() < untilMs) await waitFor(path);
      else throw inUse(directory, pid);
    }
    rmSync(wantedPath(path), { force: true });
    return new DirectoryLock(path);
  }

  /** From now on another process may wait for the lock; `onWanted` is called once, when the first one does. */
  offer(onWanted: () => void): void {
    if (this.#isReleased || this.#waiting !== null) return;
    rmSync(wantedPath(this.#path), { force: true });
    writeFileAtomically(this.#path, `${process.pid}\n${offered}\n`);
    this.#waiting = setInterval(() => {
      if (!existsSync(wantedPath(this.#path))) return;
      this.#stopWaiting();
      onWanted();
    }, pollMs);
  }

  /** Gives the lock back. What another process has taken by then stays its own. */
  release(): void {
    this.#stopWaiting();
    if (!this.#isReleased) rmSync(this.#path, { force: true });
    this.#isReleased = true;
  }

  #stopWaiting(): void {
    if (this.#waiting !== null) clearInterval(this.#waiting);
  }
}

const offered = "offered";

function wantedPath(lockPath: string): string {
  return `${lockPath}.wanted`;
}

/** Tries to be the one that makes the file. */
function isTaken(path: string): boolean {
  try {
    writeFileSync(path, `${process.pid}\n`, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

type Holder = { readonly pid: number; readonly isOffered: boolean };

/** null when the lock was given back this moment. */
async function holderOf(path: string): Promise<Holder | null> {
  // One that is being made has no content yet.
  if (readTextIfPresent(path) === "") await delay(pollMs);
  const text = readTextIfPresent(path);
  if (text === null) return null;
  const [pid, state] = text.split("\n");
  return { pid: Number(pid), isOffered: state === offered };
}

async function waitFor(path: string): Promise<void> {
  writeFileSync(wantedPath(path), `${process.pid}\n`, { mode: 0o600 });
  await delay(pollMs);
}

function inUse(directory: string, pid: number): PomonaError {
  return new PomonaError(
    "setup_failed",
    `the state directory ${directory} is in use by process ${pid}: stop it, or name another with --state-dir`,
  );
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
