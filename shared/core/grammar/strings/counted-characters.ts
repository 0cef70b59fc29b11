// How many characters a string has, in few rules: the engine writes every repetition out.
import type { GrammarWriter } from "../gbnf/grammar-writer.ts";

/** The most that the characters of a string can be counted up to. */
export const lengthMax = 100_000;

/** From here on blocks take fewer rules than characters do. */
const blocksFrom = 64;

/** Counts the characters of the strings of one grammar; strings of about the same length share their blocks. */
export class CountedCharacters {
  readonly #writer: GrammarWriter;
  readonly #character: () => string;

  /** `character` is GBNF; one of a JSON string by default. */
  constructor(writer: GrammarWriter, character: () => string = () => writer.json("char")) {
    this.#writer = writer;
    this.#character = character;
  }

  /**
   * GBNF for `least` to `most` characters; null is any number. Many are counted by blocks: n of them
   * take about 4 √n rules, and the engine follows three derivations at most.
   */
  between(least: number, most: number | null): string {
    const char = this.#character();
    const greatest = most ?? least;
    if (greatest < blocksFrom) return `${char}{${least},${most ?? ""}}`;
    const size = 2 ** Math.ceil(Math.log2(greatest) / 2);
    const block = this.#blockOf(size);
    const parts = [repeated(block, Math.floor(least / size)), repeated(char, least % size)];
    if (most === null) return [...parts, `${char}*`].filter((part) => part !== "").join(" ");
    const more = most - least;
    // Behind the last block there may be almost two more, so that every number in between is reached.
    const blocks = Math.max(0, Math.floor((more - size + 1) / size));
    parts.push(upTo(block, blocks), upTo(char, more - blocks * size));
    return parts.filter((part) => part !== "").join(" ");
  }

  #blockOf(size: number): string {
    return this.#writer.addOnce("characters", `${this.#character()}{${size}}`);
  }
}

function repeated(name: string, count: number): string {
  return count === 0 ? "" : `${name}{${count}}`;
}

function upTo(name: string, count: number): string {
  return count === 0 ? "" : `${name}{0,${count}}`;
}
