// How far long work is, on stderr: a bar that moves on a terminal, else a line now and then.
import { bar, size, time } from "./render.ts";

export type Progress = { readonly doneBytes: number; readonly totalBytes: number };

export type ProgressOutput = {
  readonly isTerminal: boolean;
  readonly write: (text: string) => void;
  readonly nowMs: () => number;
};

/** Without a terminal a line comes at the start, the end, and this often. */
const lineEveryMs = 10_000;

export class ProgressBar {
  readonly #what: string;
  readonly #output: ProgressOutput;
  readonly #startedAtMs: number;
  #first: Progress | null = null;
  #saidAtMs = Number.NEGATIVE_INFINITY;
  #isLineOpen = false;

  constructor(what: string, output: ProgressOutput) {
    this.#what = what;
    this.#output = output;
    this.#startedAtMs = output.nowMs();
  }

  update(progress: Progress): void {
    const { isTerminal, nowMs, write } = this.#output;
    this.#first ??= progress;
    if (!isTerminal && nowMs() - this.#saidAtMs < lineEveryMs) return;
    this.#saidAtMs = nowMs();
    const text = this.#text(progress, this.#first);
    // The rest of a longer line before is cleared.
    write(isTerminal ? `\r${text}\u001b[K` : `${text}\n`);
    this.#isLineOpen = isTerminal;
  }

  end(): void {
    if (this.#isLineOpen) this.#output.write("\n");
    this.#isLineOpen = false;
  }

  #text({ doneBytes, totalBytes }: Progress, first: Progress): string {
    const share = totalBytes === 0 ? 0 : doneBytes / totalBytes;
    const elapsedMs = this.#output.nowMs() - this.#startedAtMs;
    const bytesPerSecond = elapsedMs === 0 ? 0 : ((doneBytes - first.doneBytes) / elapsedMs) * 1000;
    const percent = `${Math.floor(share * 100)} %`.padStart(5);
    const amount = totalBytes === 0 ? "finding out what to pull" : `${size(doneBytes)} of ${size(totalBytes)}`;
    const left = ((totalBytes - doneBytes) / bytesPerSecond) * 1000;
    const speed = bytesPerSecond > 0 && left > 0 ? `  ${size(bytesPerSecond)}/s, ${time(left)} left` : "";
    return `${this.#what}  ${bar(share)} ${percent}  ${amount}${speed}`;
  }
}

export function stderrOutput(): ProgressOutput {
  return {
    isTerminal: process.stderr.isTTY === true,
    write: (text) => void process.stderr.write(text),
    nowMs: () => performance.now(),
  };
}
