// Reads little-endian values from the beginning of a file of which maybe not all is there yet. The first problem sticks:
// every later read gives zero or nothing, so a parser needs to look at `problem` only in its loops and at its end.

/** Why reading stopped. */
export type CursorProblem =
  | { readonly kind: "needMore"; readonly bytes: number }
  | { readonly kind: "invalid"; readonly reason: string };

export type CursorLimits = {
  readonly fileBytes: number;
  /** Reading past this is a problem. */
  readonly headerBytesMax: number;
};

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export class HeaderCursor {
  readonly #view: DataView;
  readonly #limits: CursorLimits;
  #offset = 0;
  #problem: CursorProblem | null = null;

  constructor(bytes: Uint8Array, limits: CursorLimits) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#limits = limits;
  }

  get offset(): number {
    return this.#offset;
  }

  get problem(): CursorProblem | null {
    return this.#problem;
  }

  /** Says that the file is invalid, unless an earlier problem is known. */
  fail(reason: string): void {
    this.#problem ??= { kind: "invalid", reason };
  }

  uint8(): number {
    return this.#read(1, (view, offset) => view.getUint8(offset));
  }

  int8(): number {
    return this.#read(1, (view, offset) => view.getInt8(offset));
  }

  uint16(): number {
    return this.#read(2, (view, offset) => view.getUint16(offset, true));
  }

  int16(): number {
    return this.#read(2, (view, offset) => view.getInt16(offset, true));
  }

  uint32(): number {
    return this.#read(4, (view, offset) => view.getUint32(offset, true));
  }

  int32(): number {
    return this.#read(4, (view, offset) => view.getInt32(offset, true));
  }

  float32(): number {
    return this.#read(4, (view, offset) => view.getFloat32(offset, true));
  }

  float64(): number {
    return this.#read(8, (view, offset) => view.getFloat64(offset, true));
  }

  uint64(): bigint {
    return this.#read(8, (view, offset) => view.getBigUint64(offset, true), 0n);
  }

  int64(): bigint {
    return this.#read(8, (view, offset) => view.getBigInt64(offset, true), 0n);
  }

  /** A 64-bit count, size or offset; more than `max` is a problem. */
  count(what: string, max: number): number {
    const value = this.uint64();
    if (value <= BigInt(max)) return Number(value);
    this.fail(`a damaged GGUF file: ${what} is ${value}, the most allowed is ${max}`);
    return 0;
  }

  /** A byte further on, which is not taken; undefined when it is not there. */
  byteAhead(bytes: number): number | undefined {
    const place = this.#offset + bytes;
    return place < this.#view.byteLength ? this.#view.getUint8(place) : undefined;
  }

  skip(bytes: number): void {
    this.#take(bytes);
  }

  /** UTF-8 text of so many bytes; U+FFFD stands for what is not UTF-8. */
  text(bytes: number): string {
    const start = this.#take(bytes);
    if (start === null) return "";
    const part = new Uint8Array(this.#view.buffer, this.#view.byteOffset + start, bytes);
    return decoder.decode(part);
  }

  #read(bytes: number, get: (view: DataView, offset: number) => number): number;
  #read(bytes: number, get: (view: DataView, offset: number) => bigint, none: bigint): bigint;
  #read<Value>(bytes: number, get: (view: DataView, offset: number) => Value, none?: Value): Value | number {
    const start = this.#take(bytes);
    return start === null ? (none ?? 0) : get(this.#view, start);
  }

  /** Where the next bytes begin; null when they are not there. */
  #take(bytes: number): number | null {
    if (this.#problem !== null) return null;
    const start = this.#offset;
    const end = start + bytes;
    if (end > this.#limits.fileBytes) {
      this.fail(`a damaged GGUF file: it ends after ${this.#limits.fileBytes} bytes, in the middle of its header`);
      return null;
    }
    if (end > this.#limits.headerBytesMax) {
      this.fail(`a damaged GGUF file: its header is longer than ${this.#limits.headerBytesMax} bytes`);
      return null;
    }
    if (end > this.#view.byteLength) {
      this.#problem = { kind: "needMore", bytes: end };
      return null;
    }
    this.#offset = end;
    return start;
  }
}
