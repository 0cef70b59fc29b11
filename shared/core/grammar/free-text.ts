// Text that is free until it says something that means more. GBNF knows no "anything but": it is spelled out as the
// automaton of Aho and Corasick, one rule a state.
import { type CodePointRange, codePointMax, subtractRanges } from "./gbnf/code-points.ts";
import { gbnfClass, gbnfLiteral } from "./gbnf/gbnf-text.ts";
import type { GrammarWriter } from "./gbnf/grammar-writer.ts";

export type Fork = {
  readonly hint: string;
  /** The rule behind each literal. No literal begins another one. */
  readonly ways: ReadonlyMap<string, string>;
  /** What may stand before them and says nothing. */
  readonly skipped: readonly CodePointRange[];
};

export class FreeText {
  readonly #writer: GrammarWriter;
  readonly #markers: ReadonlySet<string>;
  readonly #alphabet: ReadonlySet<string>;
  /** By what was read of a marker. */
  readonly #rules = new Map<string, string>();

  /** No marker may hold another one; all are of the basic plane. Without any, nothing ever means more. */
  constructor(writer: GrammarWriter, hint: string, markers: readonly string[]) {
    this.#writer = writer;
    this.#markers = new Set(markers);
    this.#alphabet = new Set(markers.join(""));
    for (const prefix of ["", ...markers.flatMap(properPrefixes)])
      if (!this.#rules.has(prefix)) this.#rules.set(prefix, writer.reserve(hint));
  }

  /** The rule of text of which nothing was read yet. */
  get start(): string {
    return this.#ruleOf("");
  }

  /** Defines the rules: `follow` is the one behind a marker; `mayEnd`, whether the text may end without any. */
  define(follow: (marker: string) => string, mayEnd: boolean): void {
    for (const [prefix, rule] of this.#rules) {
      const ways = this.#waysBehind(prefix, (read) => (this.#markers.has(read) ? follow(read) : this.#ruleOf(read)));
      this.#writer.define(rule, bodyOf({ ways, others: this.start, mayEnd }));
    }
  }

  /** The rule of text that may begin with one of some literals, and else is this text. It may end anywhere. */
  fork({ hint, ways, skipped }: Fork): string {
    const rules = new Map<string, string>();
    for (const prefix of ["", ...[...ways.keys()].flatMap(properPrefixes)])
      if (!rules.has(prefix)) rules.set(prefix, this.#writer.reserve(hint));
    const nextOf = new Map<string, Map<string, string>>([...rules.keys()].map((prefix) => [prefix, new Map()]));
    for (const [read, rule] of [...rules, ...ways]) {
      const last = [...read].at(-1) ?? "";
      if (read !== "") nextOf.get(read.slice(0, read.length - last.length))?.set(last, rule);
    }
    for (const [prefix, rule] of rules) {
      const all = new Map([...this.#waysBehind(prefix, (read) => this.#ruleOf(read)), ...(nextOf.get(prefix) ?? [])]);
      const state = { ways: all, others: this.start, mayEnd: true };
      this.#writer.define(rule, bodyOf(prefix === "" ? { ...state, skipped: { ranges: skipped, rule } } : state));
    }
    return rules.get("") ?? this.start;
  }

  /** The characters that, behind what was read, go on with a marker or begin one. */
  #waysBehind(prefix: string, ruleOf: (read: string) => string): Map<string, string> {
    const ways = new Map<string, string>();
    for (const character of this.#alphabet) {
      const read = this.#longestEnd(prefix + character);
      if (read !== "") ways.set(character, ruleOf(read));
    }
    return ways;
  }

  /** The longest end of a text that is a marker or begins one. */
  #longestEnd(text: string): string {
    for (let start = 0; start < text.length; start += 1) {
      const end = text.slice(start);
      if (this.#rules.has(end) || this.#markers.has(end)) return end;
    }
    return "";
  }

  #ruleOf(prefix: string): string {
    return this.#rules.get(prefix) ?? "";
  }
}

/** By code points: the names of tools may hold any. */
function properPrefixes(text: string): string[] {
  const characters = [...text];
  return characters.slice(1).map((_, index) => characters.slice(0, index + 1).join(""));
}

type State = {
  /** The rule behind each character that has one of its own. */
  readonly ways: ReadonlyMap<string, string>;
  /** The rule behind all other characters. */
  readonly others: string;
  readonly mayEnd: boolean;
  /** Characters that lead nowhere else, and their rule. */
  readonly skipped?: { readonly ranges: readonly CodePointRange[]; readonly rule: string };
};

function bodyOf({ ways, others, mayEnd, skipped }: State): string {
  const taken = [...ways.keys()].map((character): CodePointRange => {
    const codePoint = character.codePointAt(0) ?? 0;
    return [codePoint, codePoint];
  });
  const rest = subtractRanges([[1, codePointMax]], [...taken, ...(skipped?.ranges ?? [])]);
  const bodies = [
    // An alternative that is empty has to be the first: behind a bar the engine reads on in the next line.
    ...(mayEnd ? [""] : []),
    ...[...ways].map(([character, rule]) => `${gbnfLiteral(character)} ${rule}`),
    ...(skipped === undefined ? [] : [`${gbnfClass(skipped.ranges)} ${skipped.rule}`]),
    `${gbnfClass(rest)} ${others}`,
  ];
  return bodies.join(" | ");
}
