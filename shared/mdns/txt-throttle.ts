/** Passes TXT records on at most once an interval; of those that come in between, the last one. */
export class TxtThrottle {
  readonly #intervalMs: number;
  readonly #announce: (txt: Readonly<Record<string, string>>) => void;
  #waiting: Readonly<Record<string, string>> | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(intervalMs: number, announce: (txt: Readonly<Record<string, string>>) => void) {
    this.#intervalMs = intervalMs;
    this.#announce = announce;
  }

  update(txt: Readonly<Record<string, string>>): void {
    this.#waiting = txt;
    if (this.#timer === null) this.#pass();
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#waiting = null;
  }

  #pass(): void {
    this.#timer = null;
    if (this.#waiting === null) return;
    const txt = this.#waiting;
    this.#waiting = null;
    this.#timer = setTimeout(() => this.#pass(), this.#intervalMs);
    this.#timer.unref();
    this.#announce(txt);
  }
}
