const firstBytes = 256;

/**
 * The bytes of each token of a request. They lie in one piece: a view for each, as they come from the wire, keeps its whole
 * message and takes 250 bytes for a token of four.
 */
export class TokenTexts {
  #bytes = new Uint8Array(firstBytes);
  /** Where each token ends. */
  readonly #ends: number[] = [];

  /** Tokens. */
  get length(): number {
    return this.#ends.length;
  }

  push(texts: readonly Uint8Array[]): void {
    for (const text of texts) {
      const start = this.#ends.at(-1) ?? 0;
      const end = start + text.length;
      if (end > this.#bytes.length) this.#grow(end);
      this.#bytes.set(text, start);
      this.#ends.push(end);
    }
  }

  /** One for each token; valid until the next push. */
  all(): Uint8Array[] {
    return this.#ends.map((end, index) => this.#bytes.subarray(this.#ends[index - 1] ?? 0, end));
  }

  #grow(least: number): void {
    const grown = new Uint8Array(Math.max(least, 2 * this.#bytes.length));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
