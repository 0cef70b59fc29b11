/**
 * Finds markers in a text that comes character by character. What may still become a marker is held back, and nothing
 * else. No marker may begin another one.
 */
export class MarkerMatcher {
  readonly #markers: readonly string[];
  #held = "";

  constructor(markers: readonly string[]) {
    this.#markers = markers;
  }

  /** `text` is free of markers and comes before the marker that was found, if any. */
  push(character: string): { readonly text: string; readonly marker: string | null } {
    this.#held += character;
    let text = "";
    while (this.#held !== "" && !this.#markers.some((marker) => marker.startsWith(this.#held))) {
      text += this.#held.slice(0, 1);
      this.#held = this.#held.slice(1);
    }
    const marker = this.#markers.find((candidate) => candidate === this.#held) ?? null;
    if (marker !== null) this.#held = "";
    return { text, marker };
  }

  /** What was held back, when there is nothing more to come. */
  finish(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }
}
