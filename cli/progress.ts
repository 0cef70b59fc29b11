// How far long work is, on stderr: a bar that moves on a terminal, else a line now and then.
import { bar, size, time } from "./render.ts";

export type Progress = { readonly doneBytes: number; readonly totalBytes: number };

export type ProgressOutput = {
  readonly isTerminal: boolean;
  /** Of the terminal: a bar that ran over its end could not be written over. */
  readonly columns: number;
  readonly write: (text: string) => void;
  readonly nowMs: () => number;
};

/** Without a terminal a line comes at the start and this often. */
const lineEveryMs = 10_000;

export class ProgressBar {
  readonly #what: string;
  readonly #output: ProgressOutput;
  /** Where the speed is counted from. */
  #first: (Progress & { readonly atMs: number }) | null = null;
  #saidAtMs = Number.NEGATIVE_INFINITY;
  #isLineOpen = false;

  constructor(what: string, output: ProgressOutput) {
    this.#what = what;
    this.#output = output;
  }

  /** `reason` says why nothing is known yet; it may be empty. */
  update(progress: Progress, reason = ""): void {
    const { isTerminal, columns, nowMs, write } = this.#output;
    if (progress.totalBytes > 0) this.#first ??= { ...progress, atMs: nowMs() };
    if (!isTerminal && nowMs() - this.#saidAtMs < lineEveryMs) return;
    this.#saidAtMs = nowMs();
    const text = this.#first === null ? this.#beginning(reason) : this.#text(progress, this.#first);
    // The rest of a longer line before is cleared.
    write(isTerminal ? `\r${text.slice(0, columns - 1)}\u001b[K` : `${text}\n`);
    this.#isLineOpen = isTerminal;
  }

  end(): void {
    if (this.#isLineOpen) this.#output.write("\n");
    this.#isLineOpen = false;
  }

  #beginning(reason: string): string {
    return `${this.#what}  ${bar(0)}  finding out what to pull${reason === "" ? "" : `: ${reason}`}`;
  }

  #text({ doneBytes, totalBytes }: Progress, first: Progress & { readonly atMs: number }): string {
    const share = doneBytes / totalBytes;
    const elapsedMs = this.#output.nowMs() - first.atMs;
    const bytesPerSecond = elapsedMs === 0 ? 0 : ((doneBytes - first.doneBytes) / elapsedMs) * 1000;
    const percent = `${Math.floor(share * 100)} %`.padStart(5);
    const amount = `${size(doneBytes)} of ${size(totalBytes)}`;
    const left = ((totalBytes - doneBytes) / bytesPerSecond) * 1000;
    const speed = bytesPerSecond > 0 && left > 0 ? `  ${size(bytesPerSecond)}/s, ${time(left)} left` : "";
    return `${this.#what}  ${bar(share)} ${percent}  ${amount}${speed}`;
  }
}

export function stderrOutput(): ProgressOutput {
  return {
    isTerminal: process.stderr.isTTY === true,
    columns: process.stderr.columns ?? 80,
    write: (text) => void process.stderr.write(text),
    nowMs: () => performance.now(),
  };
}
