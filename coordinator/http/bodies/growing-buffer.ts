// Bytes that come in pieces, held as one: a list of pieces costs a hundred bytes for each, and there may be millions of one byte.
import type { IncomingMessage } from "node:http";

/** Bytes that are held at first for what may become more. */
const firstBytes = 64 * 1024;

export type GrowingBufferOptions = {
  readonly bytesMax: number;
  /** The length that was told, which is all that is held then; null for none. A promise alone holds nothing. */
  readonly expectedBytes: number | null;
  /** Called before so many more bytes are held. Default: nothing. */
  readonly beforeGrowth?: (bytes: number) => void;
};

export class GrowingBuffer {
  readonly #options: GrowingBufferOptions;
  #held = Buffer.alloc(0);
  #length = 0;

  constructor(options: GrowingBufferOptions) {
    this.#options = options;
  }

  /** A view, good until the next piece comes. */
  get bytes(): Buffer {
    return this.#held.subarray(0, this.#length);
  }

  get heldBytes(): number {
    return this.#held.length;
  }

  /** The caller has seen to it that there are at most `bytesMax`. @throws what `beforeGrowth` throws. */
  add(piece: Buffer): void {
    const length = this.#length + piece.length;
    if (length > this.#held.length) this.#grow(length);
    piece.copy(this.#held, this.#length);
    this.#length = length;
  }

  clear(): void {
    this.#held = Buffer.alloc(0);
    this.#length = 0;
  }

  #grow(length: number): void {
    const { bytesMax, expectedBytes, beforeGrowth } = this.#options;
    const most = Math.min(Math.max(expectedBytes ?? bytesMax, length), bytesMax);
    const size = Math.min(Math.max(length, firstBytes, 2 * this.#held.length), most);
    beforeGrowth?.(size - this.#held.length);
    const larger = Buffer.allocUnsafe(size);
    this.#held.copy(larger, 0, 0, this.#length);
    this.#held = larger;
  }
}

/** How long a body says to be; null where it comes in chunks. */
export function lengthTold({ headers }: Pick<IncomingMessage, "headers">): number | null {
  const told = headers["content-length"];
  return told === undefined ? null : Number(told);
}
