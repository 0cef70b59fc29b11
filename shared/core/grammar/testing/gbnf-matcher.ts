// For tests only: what the engine does with a grammar, without the engine.
import type { GbnfGrammar, GbnfSequence } from "../gbnf/gbnf-grammar.ts";
import { parseGbnf } from "../gbnf/gbnf-parser.ts";
import { emptyStack, type GbnfStacks, StackMachine } from "../gbnf/gbnf-stacks.ts";

/** Matches texts by following all derivations at once. */
export class GbnfMatcher {
  readonly grammar: GbnfGrammar;
  readonly #machine: StackMachine;
  /** The most stacks that were alive at once: what a token costs the engine. */
  stacksMax = 0;

  constructor(text: string) {
    this.grammar = parseGbnf(text, "grammar");
    this.#machine = new StackMachine(this.grammar);
  }

  /** Whether the whole text is a text of `root`. */
  matches(text: string): boolean {
    return this.#stacksBehind(text).has(emptyStack);
  }

  /** Whether a text of `root` begins with it: whether a model may say it. */
  begins(text: string): boolean {
    return this.#stacksBehind(text).size > 0;
  }

  /** Says a text piece by piece: what may not come next is left out, and told by false. */
  speaker(): { say(piece: string): boolean } {
    let said = this.#stacksBehind("");
    return {
      say: (piece) => {
        const next = this.#stacksBehind(piece, said);
        if (next.size > 0) said = next;
        return next.size > 0;
      },
    };
  }

  #stacksBehind(text: string, from = this.#machine.start()): GbnfStacks {
    let stacks = from;
    this.stacksMax = Math.max(this.stacksMax, stacks.size);
    for (const character of text) {
      stacks = this.#machine.behind(character.codePointAt(0) ?? 0, stacks);
      this.stacksMax = Math.max(this.stacksMax, stacks.size);
      if (stacks.size === 0) return stacks;
    }
    return stacks;
  }
}

/** Draws a whole number from 0 up to, but without, `count`. */
export type Choose = (count: number) => number;

/** One text of the grammar. After `freeSteps` rules it takes the shortest way to an end, so it always ends. */
export function sampleText(grammar: GbnfGrammar, choose: Choose, freeSteps = 300): string {
  const depths = endDepths(grammar);
  const depthOf = (sequence: GbnfSequence): number =>
    sequence.reduce((deepest, item) => Math.max(deepest, item.kind === "rule" ? (depths[item.index] ?? 0) : 0), 0);
  const open: GbnfSequence[] = [[{ kind: "rule", index: grammar.root, size: 1 }]];
  let text = "";
  let steps = 0;
  for (let sequence = open.pop(); sequence !== undefined; sequence = open.pop()) {
    const [element, ...rest] = sequence;
    if (element === undefined) continue;
    open.push(rest);
    if (element.kind === "characters") {
      const [low, high] = element.ranges[choose(element.ranges.length)] ?? [0, 0];
      text += String.fromCodePoint(low + choose(high - low + 1));
    } else if (element.kind === "rule") {
      const alternatives = grammar.rules[element.index]?.alternatives ?? [];
      steps += 1;
      const least = Math.min(...alternatives.map(depthOf));
      const allowed = steps < freeSteps ? alternatives : alternatives.filter((one) => depthOf(one) === least);
      open.push(allowed[choose(allowed.length)] ?? []);
    }
  }
  return text;
}

/** How deep the flattest derivation of each rule is; Infinity for one that never ends. */
function endDepths(grammar: GbnfGrammar): number[] {
  const depths = grammar.rules.map(() => Number.POSITIVE_INFINITY);
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    for (const [index, { alternatives }] of grammar.rules.entries()) {
      const all = alternatives.map((sequence) =>
        sequence.reduce((deepest, item) => Math.max(deepest, item.kind === "rule" ? (depths[item.index] ?? 0) : 0), 0),
      );
      const depth = 1 + Math.min(...all);
      if (depth < (depths[index] ?? 0)) {
        depths[index] = depth;
        isChanged = true;
      }
    }
  }
  return depths;
}
