/** What a store of values may hold. */
export type RecentLimits = { readonly entries: number; readonly size: number };

/** Values that were used last, by a text; the least recently used leaves first. */
export class RecentValues<Value> {
  readonly #limits: RecentLimits;
  /** By the order of their use. */
  readonly #entries = new Map<string, { readonly value: Value; readonly size: number }>();
  #size = 0;

  constructor(limits: RecentLimits) {
    this.#limits = limits;
  }

  /** The value counts as used; undefined where there is none. */
  get(key: string): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** `size` is that of key and value together, in what the limit counts. What is larger than the limit is not kept. */
  set(key: string, value: Value, size: number): void {
    this.#remove(key);
    if (size > this.#limits.size) return;
    this.#entries.set(key, { value, size });
    this.#size += size;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#limits.entries && this.#size <= this.#limits.size) break;
      this.#remove(oldest);
    }
  }

  #remove(key: string): void {
    this.#size -= this.#entries.get(key)?.size ?? 0;
    this.#entries.delete(key);
  }
}
