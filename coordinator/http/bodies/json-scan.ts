// How much there is in a JSON text, told from its bytes as they come: what is made to cost is refused before it is parsed.
// A number costs the parser ten nanoseconds, a list a hundred, the name of a field six hundred.

/** What a body may be made of, whatever its size. */
export const scanLimits = {
  /** How deep it may be nested: whoever writes a part of it again, or compiles it, goes down as deep. */
  levelsMax: 256,
  /** Fields of one object. */
  fieldsMax: 10_000,
  /** Objects, lists and texts, the names of fields among them. */
  piecesMax: 150_000,
  /** All of them, and all numbers. */
  valuesMax: 1_000_000,
} as const;

/** What there is too much of; `field` is that of the body where it is, empty for the body itself. */
export type Excess = { readonly field: string; readonly reason: string };

/** Beyond this a field is named no further. */
const fieldNameMax = 100;

const quote = 0x22;
const backslash = 0x5c;
const [comma, colon] = [0x2c, 0x3a];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Right about what is JSON, and as far as it is: where a text stops being JSON, its parser stops too. */
export class JsonScan {
  /** Of each level that is open. */
  readonly #fields = new Uint32Array(scanLimits.levelsMax + 2);
  #level = 0;
  #pieces = 0;
  #values = 0;
  #isInText = false;
  #isEscaped = false;
  /** The text that began last on the outermost level, and that which names the field that is open there. */
  #textAt = 0;
  #name: readonly [from: number, to: number] = [0, 0];

  /** Takes the bytes of `body` from one index to another, which follow on those before. Returns the first excess. */
  take(body: Uint8Array, from: number, to: number): Excess | null {
    for (let index = from; index < to; index += 1) {
      if (this.#isInText) {
        index = this.#skipText(body, index, to);
        continue;
      }
      const excess = this.#step(body, index);
      if (excess !== null) return excess;
    }
    return null;
  }

  /** The last index that was taken. */
  #skipText(body: Uint8Array, from: number, to: number): number {
    let index = from;
    if (this.#isEscaped) {
      this.#isEscaped = false;
      return index;
    }
    while (index < to && body[index] !== quote && body[index] !== backslash) index += 1;
    if (index === to) return index;
    if (body[index] === quote) this.#isInText = false;
    else this.#isEscaped = true;
    return index;
  }

  #step(body: Uint8Array, index: number): Excess | null {
    switch (body[index]) {
      case quote:
        this.#isInText = true;
        if (this.#level === 1) this.#textAt = index;
        return this.#count();
      case openList:
      case openObject:
        this.#level += 1;
        this.#fields[this.#level] = 0;
        if (this.#level > scanLimits.levelsMax + 1)
          return this.#excess(body, `is nested deeper than ${scanLimits.levelsMax} levels`);
        return this.#count();
      case closeList:
      case closeObject:
        if (this.#level > 0) this.#level -= 1;
        return null;
      case colon:
        return this.#beginField(body, index);
      case comma:
        this.#values += 1;
        return this.#values > scanLimits.valuesMax ? tooMany(scanLimits.valuesMax, "values") : null;
      default:
        return null;
    }
  }

  #count(): Excess | null {
    this.#pieces += 1;
    return this.#pieces > scanLimits.piecesMax ? tooMany(scanLimits.piecesMax, "texts, lists and objects") : null;
  }

  #beginField(body: Uint8Array, index: number): Excess | null {
    const fields = (this.#fields[this.#level] ?? 0) + 1;
    this.#fields[this.#level] = fields;
    if (fields > scanLimits.fieldsMax) {
      const reason = `holds an object of more than ${scanLimits.fieldsMax} fields`;
      return this.#level === 1 ? { field: "", reason } : this.#excess(body, reason);
    }
    if (this.#level === 1) this.#name = [this.#textAt, index];
    return null;
  }

  #excess(body: Uint8Array, reason: string): Excess {
    const [from, to] = this.#name;
    const name = Buffer.from(body.subarray(from, Math.min(to, from + 2 * fieldNameMax))).toString("utf8");
    const [, field = ""] = /^"([^"\\]*)/.exec(name) ?? [];
    return { field: field.slice(0, fieldNameMax), reason };
  }
}

function tooMany(max: number, what: string): Excess {
  return { field: "", reason: `holds more than ${max} ${what}` };
}
