// Deterministic finite automata over code points. State 0 is the start.
import { type CodePointRange, intersectRanges, joinRanges, scalarValues, subtractRanges } from "../gbnf/code-points.ts";
import type { WorkBudget } from "../gbnf/work-budget.ts";
import type { Refuse } from "./regex-syntax.ts";

/** The ranges of the edges of a state do not overlap. */
export type AutomatonState = { readonly isAccepting: boolean; readonly edges: readonly AutomatonEdge[] };

export type AutomatonEdge = { readonly ranges: readonly CodePointRange[]; readonly target: number };

export type Automaton = readonly AutomatonState[];

/** Takes `work` out of the budget, and refuses when there is not so much left. */
export function spend(budget: WorkBudget, work: number, refuse: Refuse): void {
  budget.workLeft -= work;
  if (budget.workLeft < 0) refuse("the pattern is too large, or with others takes too long");
}

/** What may be used, and how to say that it was not enough. */
export type AutomatonLimits = { readonly budget: WorkBudget; readonly refuse: Refuse };

/** States of one automaton: with more, what it becomes is too large for the engine. */
export const automatonStatesMax = 4_000;

/** Texts that both match. */
export function intersectAutomata(one: Automaton, other: Automaton, limits: AutomatonLimits): Automaton {
  const indexes = new Map<string, number>();
  const pairs: (readonly [number, number])[] = [];
  const indexOf = (left: number, right: number): number => {
    const key = `${left},${right}`;
    const known = indexes.get(key);
    if (known !== undefined) return known;
    if (pairs.length >= automatonStatesMax) limits.refuse("together the conditions on the string are too large");
    indexes.set(key, pairs.length);
    return pairs.push([left, right]) - 1;
  };
  indexOf(0, 0);
  const states: AutomatonState[] = [];
  for (const [left, right] of pairs) {
    const edges: AutomatonEdge[] = [];
    for (const leftEdge of one[left]?.edges ?? []) {
      for (const rightEdge of other[right]?.edges ?? []) {
        spend(limits.budget, 4 * (leftEdge.ranges.length + rightEdge.ranges.length), limits.refuse);
        const ranges = intersectRanges(leftEdge.ranges, rightEdge.ranges);
        if (ranges.length > 0) edges.push({ ranges, target: indexOf(leftEdge.target, rightEdge.target) });
      }
    }
    states.push({ isAccepting: one[left]?.isAccepting === true && other[right]?.isAccepting === true, edges });
  }
  return states;
}

/** The same texts without ways that lead nowhere; null when no text matches. */
export function pruneAutomaton(automaton: Automaton): Automaton | null {
  const sources: number[][] = automaton.map(() => []);
  for (const [index, { edges }] of automaton.entries()) {
    for (const { target } of edges) sources[target]?.push(index);
  }
  const useful = new Set<number>();
  const open = [...automaton.keys()].filter((index) => automaton[index]?.isAccepting);
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (useful.has(index)) continue;
    useful.add(index);
    open.push(...(sources[index] ?? []));
  }
  if (!useful.has(0)) return null;
  return automaton.map(({ isAccepting, edges }) => ({
    isAccepting,
    edges: edges.filter(({ target }) => useful.has(target)),
  }));
}

/** Exactly these words. */
export function automatonOfWords(words: Iterable<string>): Automaton {
  return trieOf(words).map(({ isWord, children }) => ({
    isAccepting: isWord,
    edges: [...children].map(([codePoint, target]) => ({ ranges: [[codePoint, codePoint]], target })),
  }));
}

/** Every text but these words. */
export function automatonExceptWords(words: Iterable<string>): Automaton {
  const trie = trieOf(words);
  const anyText = trie.length;
  const states: AutomatonState[] = trie.map(({ isWord, children }) => {
    const known: AutomatonEdge[] = [...children].map(([point, target]) => ({ ranges: [[point, point]], target }));
    const others = subtractRanges(scalarValues, joinRanges(known.flatMap(({ ranges }) => ranges)));
    return { isAccepting: !isWord, edges: [...known, { ranges: others, target: anyText }] };
  });
  return [...states, { isAccepting: true, edges: [{ ranges: scalarValues, target: anyText }] }];
}

/** Every text that does not hold `tag`, which has its first character nowhere else. */
export function automatonWithout(tag: string): Automaton {
  const points = [...tag].map((character) => character.codePointAt(0) ?? 0);
  const only = (point: number): CodePointRange => [point, point];
  return points.map((point, read) => {
    const [first = point] = points;
    const known = [...new Set([first, point])];
    const others = { ranges: subtractRanges(scalarValues, known.map(only)), target: 0 };
    const begun = read === 0 ? [] : [{ ranges: [only(first)], target: 1 }];
    const next = read + 1 < points.length ? [{ ranges: [only(point)], target: read + 1 }] : [];
    return { isAccepting: true, edges: [...begun, ...next, others] };
  });
}

type TrieNode = { isWord: boolean; readonly children: Map<number, number> };

function trieOf(words: Iterable<string>): readonly TrieNode[] {
  const nodes: TrieNode[] = [{ isWord: false, children: new Map() }];
  for (const word of words) {
    let node = nodes[0];
    for (const character of word) {
      const codePoint = character.codePointAt(0) ?? 0;
      const index = node?.children.get(codePoint) ?? nodes.length;
      if (index === nodes.length) nodes.push({ isWord: false, children: new Map() });
      node?.children.set(codePoint, index);
      node = nodes[index];
    }
    if (node !== undefined) node.isWord = true;
  }
  return nodes;
}

/** Whether the automaton matches the word. */
export function acceptsWord(automaton: Automaton, word: string): boolean {
  let state = automaton[0];
  for (const character of word) {
    const codePoint = character.codePointAt(0) ?? 0;
    const edge = state?.edges.find(({ ranges }) => ranges.some(([low, high]) => low <= codePoint && codePoint <= high));
    if (edge === undefined) return false;
    state = automaton[edge.target];
  }
  return state?.isAccepting === true;
}
