// Text that is free until it says something that means more. GBNF knows no "anything but": it is spelled out as the
// automaton of Aho and Corasick, one rule a state.
import { type CodePointRange, codePointMax, subtractRanges } from "./gbnf/code-points.ts";
import { gbnfClass, gbnfLiteral } from "./gbnf/gbnf-text.ts";
import type { GrammarWriter } from "./gbnf/grammar-writer.ts";

export type Fork = {
  readonly hint: string;
  /** The rule behind each literal; null for one that must not be there. No literal begins another one. */
  readonly ways: ReadonlyMap<string, string | null>;
  /** What may stand before them and says nothing. */
  readonly skipped: readonly CodePointRange[];
};

/** What was read of a marker, or all of it. */
type Read = {
  /** The whole marker; null for a part. */
  readonly marker: string | null;
  /** The rule of what follows; that behind a whole marker is known when the text is defined. */
  rule: string;
  /** What was read, and one character more of a marker. */
  readonly longer: Map<string, Read>;
  /** By each character that goes on with a marker, or begins one, behind it: the longest end that is part of one. */
  ways: ReadonlyMap<string, Read>;
};

export class FreeText {
  readonly #writer: GrammarWriter;
  readonly #tree: Tree;

  /** No marker may hold another one. Without any, nothing ever means more. */
  constructor(writer: GrammarWriter, hint: string, markers: readonly string[]) {
    this.#writer = writer;
    this.#tree = treeOf(writer, hint, markers);
    linkWays(this.#tree.root);
  }

  /** The rule of text of which nothing was read yet. */
  get start(): string {
    return this.#tree.root.rule;
  }

  /** Defines the rules: `follow` is the one behind a marker; `mayEnd`, whether the text may end without any. */
  define(follow: (marker: string) => string, mayEnd: boolean): void {
    for (const read of this.#tree.all) if (read.marker !== null) read.rule = follow(read.marker);
    for (const { marker, rule, ways } of this.#tree.all)
      if (marker === null) this.#writer.define(rule, bodyOf({ ways, others: this.start, mayEnd }));
  }

  /** The rule of text that may begin with one of some literals, and else is this text, defined before. It may end anywhere. */
  fork({ hint, ways, skipped }: Fork): string {
    const { root } = treeOf(this.#writer, hint, [...ways.keys()]);
    const open = [{ read: root, text: this.#tree.root }];
    for (const { read, text } of open) {
      for (const [character, longer] of read.longer) {
        if (longer.marker !== null) longer.rule = ways.get(longer.marker) ?? "";
        else open.push({ read: longer, text: text.ways.get(character) ?? this.#tree.root });
      }
      const barred = [...read.longer].filter(([, { marker }]) => marker !== null && ways.get(marker) === null);
      const state = {
        ways: new Map([...text.ways, ...read.longer]),
        barred: new Set(barred.map(([character]) => character)),
        others: this.start,
        mayEnd: true,
      };
      const isStart = read === root;
      this.#writer.define(
        read.rule,
        bodyOf(isStart ? { ...state, skipped: { ranges: skipped, rule: read.rule } } : state),
      );
    }
    return root.rule;
  }
}

type Tree = { readonly root: Read; readonly all: readonly Read[] };

/** With a rule for each part of a marker; by code points, since the names of tools may hold any. */
function treeOf(writer: GrammarWriter, hint: string, markers: readonly string[]): Tree {
  const all: Read[] = [];
  const add = (marker: string | null): Read => {
    const rule = marker === null ? writer.reserve(hint) : "";
    const read: Read = { marker, rule, longer: new Map(), ways: new Map() };
    all.push(read);
    return read;
  };
  const root = add(null);
  for (const marker of markers) {
    const characters = [...marker];
    let read = root;
    for (const [index, character] of characters.entries()) {
      const longer = read.longer.get(character) ?? add(index + 1 === characters.length ? marker : null);
      read.longer.set(character, longer);
      read = longer;
    }
  }
  return { root, all };
}

/** Aho and Corasick, "Efficient string matching", 1975: their failure function, and with it all ways from each state. */
function linkWays(root: Read): void {
  root.ways = root.longer;
  const open = [...root.longer.values()].map((read) => ({ read, fallback: root }));
  for (const { read, fallback } of open) {
    read.ways = new Map([...fallback.ways, ...read.longer]);
    for (const [character, longer] of read.longer)
      open.push({ read: longer, fallback: fallback.ways.get(character) ?? root });
  }
}

type State = {
  /** What is read with each character that has a rule of its own behind it. */
  readonly ways: ReadonlyMap<string, Pick<Read, "rule">>;
  /** Those of the characters that must not be there. */
  readonly barred?: ReadonlySet<string>;
  /** The rule behind all other characters. */
  readonly others: string;
  readonly mayEnd: boolean;
  /** Characters that lead nowhere else, and their rule. */
  readonly skipped?: { readonly ranges: readonly CodePointRange[]; readonly rule: string };
};

function bodyOf({ ways, barred, others, mayEnd, skipped }: State): string {
  const taken = [...ways.keys()].map((character): CodePointRange => {
    const codePoint = character.codePointAt(0) ?? 0;
    return [codePoint, codePoint];
  });
  const rest = subtractRanges([[1, codePointMax]], [...taken, ...(skipped?.ranges ?? [])]);
  const bodies = [
    // An alternative that is empty has to be the first: behind a bar the engine reads on in the next line.
    ...(mayEnd ? [""] : []),
    ...[...ways].flatMap(([character, { rule }]) =>
      barred?.has(character) === true ? [] : `${gbnfLiteral(character)} ${rule}`,
    ),
    ...(skipped === undefined ? [] : [`${gbnfClass(skipped.ranges)} ${skipped.rule}`]),
    `${gbnfClass(rest)} ${others}`,
  ];
  return bodies.join(" | ");
}
