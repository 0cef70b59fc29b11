// How fast other nodes are when they send something here.
import type { PeerLine } from "@pomona/shared/core/node-status";

/** Nodes that are remembered; the longest unheard of leaves first. */
const peersMax = 64;
/** Less says nothing of a line. */
const measuredBytesMin = 1e6;

export class PeerLines {
  readonly #bytesPerSecond = new Map<string, number>();

  get lines(): PeerLine[] {
    return [...this.#bytesPerSecond].map(([address, bytesPerSecond]) => ({ address, bytesPerSecond }));
  }

  /**
   * A piece of a file came: the line is at least so fast. It may be faster, for files are held back while something is
   * generated, and are hashed and written as they come.
   */
  filePieceCame(address: string, bytes: number, ms: number): void {
    const known = this.#bytesPerSecond.get(address) ?? 0;
    this.#note(address, { bytes, ms, atLeast: known });
  }

  /** A state came, as states will: so fast it is, if it was faster before or not. */
  stateCame(address: string, bytes: number, ms: number): void {
    this.#note(address, { bytes, ms, atLeast: 0 });
  }

  #note(address: string, { bytes, ms, atLeast }: { bytes: number; ms: number; atLeast: number }): void {
    if (bytes < measuredBytesMin || ms <= 0) return;
    const bytesPerSecond = Math.max(atLeast, (1000 * bytes) / ms);
    this.#bytesPerSecond.delete(address);
    this.#bytesPerSecond.set(address, bytesPerSecond);
    for (const oldest of this.#bytesPerSecond.keys()) {
      if (this.#bytesPerSecond.size <= peersMax) return;
      this.#bytesPerSecond.delete(oldest);
    }
  }
}
