/**
 * UTF-8 across cuts: bytes of an unfinished character are held back until the rest comes. Broken bytes become U+FFFD as
 * in the WHATWG Encoding Standard, whatever the cuts.
 */
export class Utf8Decoder {
  // TextDecoder is no I/O and keeps its state in itself. A leading byte order mark is text like any other.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  /** Whole characters that the bytes complete. */
  push(bytes: Uint8Array): string {
    return this.#decoder.decode(bytes, { stream: true });
  }

  /** What is left at the end: U+FFFD when a character was cut, else nothing. */
  finish(): string {
    return this.#decoder.decode();
  }
}
