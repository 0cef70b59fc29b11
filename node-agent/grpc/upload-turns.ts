import { nextUpload, type Upload, uploadLimits, type WaitingUpload } from "../core/transfer/upload-turns.ts";

/** After this a receiver is told that the node is busy, and may ask another. */
const waitMaxMs = 3000;
/** A chunk that has become slow lets others in without an event. */
const lookIntervalMs = 10;
/** Over so long a time the speed is measured. */
const speedMs = 50;

type Waiting = WaitingUpload & { readonly settle: (upload: Upload | null) => void };

/** Who wants a turn, and until when. */
export type TurnCall = { readonly receiver: string; readonly signal: AbortSignal };

/** Lets those who get chunks take turns. */
export class UploadTurns {
  readonly #running = new Set<Upload>();
  readonly #waiting = new Set<Waiting>();
  #lastReceiver = "";
  #measured = { sinceMs: 0, bytes: 0, bytesPerSecond: 0 };
  #timer: NodeJS.Timeout | undefined;

  /**
   * Runs the work when it is the receiver's turn; it tells whenever something has left. False when the turn does not
   * come, or the signal aborts before it.
   */
  async run(call: TurnCall, work: (onMoved: (bytes: number) => void) => Promise<void>): Promise<boolean> {
    const upload = await this.#wait(call);
    if (upload === null) return false;
    try {
      await work((bytes) => {
        upload.movedAtMs = performance.now();
        this.#measured.bytes += bytes;
      });
    } finally {
      this.#running.delete(upload);
      this.#look();
    }
    return true;
  }

  #wait({ receiver, signal }: TurnCall): Promise<Upload | null> {
    if (this.#waiting.size >= uploadLimits.waitingMax || signal.aborted) return Promise.resolve(null);
    return new Promise((resolve) => {
      const settle = (upload: Upload | null): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", leave);
        this.#waiting.delete(waiting);
        resolve(upload);
      };
      const leave = (): void => settle(null);
      const timer = setTimeout(leave, waitMaxMs);
      signal.addEventListener("abort", leave, { once: true });
      const waiting: Waiting = { receiver, sinceMs: performance.now(), settle };
      this.#waiting.add(waiting);
      this.#look();
    });
  }

  #speed(nowMs: number): number {
    const { sinceMs, bytes } = this.#measured;
    if (nowMs - sinceMs >= speedMs) {
      const bytesPerSecond = (1000 * bytes) / (nowMs - sinceMs);
      this.#measured = { sinceMs: nowMs, bytes: 0, bytesPerSecond };
    }
    return this.#measured.bytesPerSecond;
  }

  #look(): void {
    clearTimeout(this.#timer);
    for (;;) {
      const waiting = [...this.#waiting];
      const nowMs = performance.now();
      const bytesPerSecond = this.#speed(nowMs);
      const state = { running: [...this.#running], waiting, lastReceiver: this.#lastReceiver, bytesPerSecond };
      const index = nextUpload(state, nowMs);
      const next = index === null ? undefined : waiting[index];
      if (next === undefined) break;
      const upload = { receiver: next.receiver, movedAtMs: nowMs };
      this.#running.add(upload);
      this.#lastReceiver = next.receiver;
      next.settle(upload);
    }
    if (this.#waiting.size > 0) this.#timer = setTimeout(() => this.#look(), lookIntervalMs);
  }
}
