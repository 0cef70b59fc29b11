/**
 * Buffers of one size that are used again. Measured: buffers that live longer than a moment are only freed by full
 * collections, which took a third of a transfer's time; those that come from the network and are copied at once die young.
 */
export class BufferPool {
  readonly #bytes: number;
  readonly #keptMax: number;
  readonly #free: Buffer[] = [];

  constructor(config: { readonly bytes: number; readonly keptMax: number }) {
    this.#bytes = config.bytes;
    this.#keptMax = config.keptMax;
  }

  /** Holds whatever it held before. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#bytes);
  }

  /** Whoever gives one back must not use it any more. */
  give(buffer: Buffer): void {
    if (this.#free.length < this.#keptMax) this.#free.push(buffer);
  }
}
