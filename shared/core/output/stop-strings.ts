/** Finds the first of several stop strings in a text that comes in pieces. Text that may begin one is held back. */
export class StopStrings {
  readonly #stop: readonly string[];
  #held = "";
  #found: string | null = null;

  constructor(stop: readonly string[]) {
    this.#stop = stop.filter((text) => text.length > 0);
  }

  /** The one that was met; null before that. */
  get found(): string | null {
    return this.#found;
  }

  /** The text that is safe to show, and whether a stop string was met; nothing must be pushed after that. */
  push(text: string): { readonly text: string; readonly isStopped: boolean } {
    const all = this.#held + text;
    const first = this.#firstStop(all);
    if (first >= 0) {
      this.#held = "";
      this.#found = this.#stop.find((stop) => all.startsWith(stop, first)) ?? null;
      return { text: all.slice(0, first), isStopped: true };
    }
    const safe = all.length - this.#heldLength(all);
    this.#held = all.slice(safe);
    return { text: all.slice(0, safe), isStopped: false };
  }

  /** What was held back and turned out to be no stop string. */
  finish(): string {
    const text = this.#held;
    this.#held = "";
    return text;
  }

  #firstStop(text: string): number {
    const found = this.#stop.map((stop) => text.indexOf(stop)).filter((index) => index >= 0);
    return found.length === 0 ? -1 : Math.min(...found);
  }

  /** Length of the longest end of the text that begins a stop string. */
  #heldLength(text: string): number {
    return Math.max(0, ...this.#stop.map((stop) => overlap(text, stop)));
  }
}

function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length -= 1) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
