import { gbnfLiteral } from "../gbnf/gbnf-text.ts";
import type { GrammarWriter } from "../gbnf/grammar-writer.ts";

export type WordOptions = {
  readonly hint: string;
  /** How a part of a word is written. */
  readonly spell: (text: string) => string;
  /** What stands behind a word. */
  readonly end: string;
};

/**
 * Adds the rules for one of some words, and gives the body of the one to begin with. What words begin with alike is written
 * once, so that the engine never has to follow more than one derivation. No word holds half a surrogate pair.
 */
export function addWordRules(writer: GrammarWriter, words: Iterable<string>, options: WordOptions): string {
  const { hint, spell, end } = options;
  const bodyOf = (sorted: readonly string[], start: number): string => {
    const [first = ""] = sorted;
    if (sorted.length === 1) return gbnfLiteral(spell(first.slice(start)) + end);
    const shared = alikeUpTo(first, sorted.at(-1) ?? "", start);
    const bodies = groupsAt(sorted, shared).map((group) => bodyOf(group, shared));
    const rest = writer.add(hint, bodies.join(" | "));
    return shared === start ? rest : `${gbnfLiteral(spell(first.slice(start, shared)))} ${rest}`;
  };
  return bodyOf([...new Set(words)].sort(), 0);
}

/** Where two words part, between characters. */
function alikeUpTo(one: string, other: string, start: number): number {
  let end = start;
  while (end < one.length && one[end] === other[end]) end += 1;
  return /[\ud800-\udbff]/.test(one[end - 1] ?? "") && end > start ? end - 1 : end;
}

/** Sorted words in groups of those that go on with the same character. */
function groupsAt(sorted: readonly string[], place: number): readonly (readonly string[])[] {
  const groups = new Map<number | undefined, string[]>();
  for (const word of sorted) {
    const group = groups.get(word.codePointAt(place));
    if (group === undefined) groups.set(word.codePointAt(place), [word]);
    else group.push(word);
  }
  return [...groups.values()];
}
