// How many files this process may still open: the last ones are not for connections of clients.
import { readdirSync, readFileSync } from "node:fs";

/** While fewer are left, connections are let in only to be told that there are too many. */
const refuseBelow = 24;
/** While fewer are left, they are closed at once: these are for nodes, NATS, and what is written to disk. */
const closeBelow = 8;
/** In between, what is open is known by the connections alone. */
const countEveryMs = 1000;

/** What the system says; a test says it otherwise. */
export type FileCounts = {
  /** Most that may be open; Infinity where that is not known. */
  readonly max: () => number;
  readonly open: () => number;
};

/** `refused` ones may be told so, and those `toClose` are to be closed before anything else is done. */
export type Admission = "admitted" | "refused" | "toClose";

type Closable = { once(event: "close", listener: () => void): unknown };

/** One for all listeners of a process. */
export class OpenFiles {
  readonly #counts: FileCounts;
  #open = 0;
  #countedAtMs = Number.NEGATIVE_INFINITY;

  constructor(counts: FileCounts = ofThisProcess) {
    this.#counts = counts;
  }

  /** Call it for each connection that a server has just accepted. */
  admit(socket: Closable): Admission {
    this.#noteOpened();
    socket.once("close", () => {
      this.#open -= 1;
    });
    const left = this.#counts.max() - this.#open;
    return left >= refuseBelow ? "admitted" : left >= closeBelow ? "refused" : "toClose";
  }

  #noteOpened(): void {
    this.#open += 1;
    const nowMs = performance.now();
    if (nowMs - this.#countedAtMs < countEveryMs) return;
    this.#countedAtMs = nowMs;
    this.#open = this.#counts.open();
  }
}

const ofThisProcess: FileCounts = { max: filesMax, open: filesOpen };

function filesOpen(): number {
  try {
    // The one that lists them is among them.
    return readdirSync("/dev/fd").length - 1;
  } catch (error) {
    return isOutOfFiles(error) ? Number.MAX_SAFE_INTEGER : 0;
  }
}

/** The soft limit, which Node raises to the hard one when it starts. On Linux others may change it later. */
function filesMax(): number {
  try {
    return asLimit(/^Max open files +(\S+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1]);
  } catch (error) {
    return isOutOfFiles(error) ? 0 : filesMaxAtStart();
  }
}

let reported: number | null = null;

function filesMaxAtStart(): number {
  // A report takes milliseconds. Its shape: https://nodejs.org/docs/latest-v20.x/api/report.html
  reported ??= asLimit((process.report.getReport() as Report).userLimits?.open_files?.soft);
  return reported;
}

type Report = { readonly userLimits?: { readonly open_files?: { readonly soft?: number | string } } };

function asLimit(text: number | string | undefined): number {
  const limit = Number(text);
  return Number.isSafeInteger(limit) && limit > 0 ? limit : Number.POSITIVE_INFINITY;
}

function isOutOfFiles(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "EMFILE" || error.code === "ENFILE");
}
