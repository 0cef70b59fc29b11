// Makes lines again of an answer in lines that came as events: their data, a line each. Ids and comments are no client's.

const data = "data: ";

/** Takes what an `EventRelay` passes on: whole events, and one that is too long in pieces. */
export class LinesOfEvents {
  /** Whether the last piece ended in the middle of data. */
  #isWithin = false;

  take(events: Buffer): Buffer {
    // One character a byte: a piece may end within a character of more.
    const fields = events.toString("latin1").split("\n");
    const last = fields.pop() ?? "";
    const lines = fields.map((field) => {
      const line = this.#dataOf(field);
      this.#isWithin = false;
      return line === null ? "" : `${line}\n`;
    });
    const rest = this.#dataOf(last);
    this.#isWithin = rest !== null;
    return Buffer.from(`${lines.join("")}${rest ?? ""}`, "latin1");
  }

  /** null for a field that is none. */
  #dataOf(field: string): string | null {
    if (this.#isWithin) return field;
    return field.startsWith(data) ? field.slice(data.length) : null;
  }
}
