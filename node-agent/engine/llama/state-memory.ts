// Saved states in memory, one behind the other in one buffer: what a collector would free some time does not count
// against the limit of a replica's memory, but it is resident.
import { constants } from "node:buffer";
import { open } from "node:fs/promises";
import { assert } from "@pomona/shared/core/assert";

type Place = { readonly offset: number; readonly length: number };

/** Node makes no longer buffers. */
export const stateMemoryMax: number = constants.MAX_LENGTH;

export class StateMemory {
  readonly #bytesMax: number;
  /** In the order in which they lie. */
  readonly #places = new Map<number, Place>();
  /** Its pages become resident as they are written. */
  #buffer: Buffer | null = null;
  #used = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Valid until the next `take` or `drop`. */
  get(id: number): Buffer | undefined {
    const place = this.#places.get(id);
    return place === undefined ? undefined : this.#buffer?.subarray(place.offset, place.offset + place.length);
  }

  /** Reads a file of so many bytes; the caller has made room. @throws Error when the file is shorter. */
  async take(id: number, path: string, length: number): Promise<void> {
    assert(this.#used + length <= this.#bytesMax, `${length} bytes more fit into a memory of ${this.#bytesMax}`);
    this.#buffer ??= Buffer.allocUnsafeSlow(this.#bytesMax);
    const offset = this.#used;
    await readInto(this.#buffer.subarray(offset, offset + length), path);
    this.#places.set(id, { offset, length });
    this.#used += length;
  }

  /** All behind it move up. */
  drop(id: number): void {
    const gone = this.#places.get(id);
    if (gone === undefined) return;
    this.#buffer?.copyWithin(gone.offset, gone.offset + gone.length, this.#used);
    this.#places.delete(id);
    this.#used -= gone.length;
    for (const [other, { offset, length }] of this.#places) {
      if (offset > gone.offset) this.#places.set(other, { offset: offset - gone.length, length });
    }
  }
}

async function readInto(target: Buffer, path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    for (let done = 0; done < target.length; ) {
      const { bytesRead } = await file.read(target, done, target.length - done);
      if (bytesRead === 0) throw new Error(`${path} ends after ${done} of ${target.length} bytes`);
      done += bytesRead;
    }
  } finally {
    await file.close();
  }
}
