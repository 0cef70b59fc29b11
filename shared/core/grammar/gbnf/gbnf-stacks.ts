// What may follow behind a text of a grammar: all derivations at once, character by character, as llama-grammar.cpp follows them.
import type { GbnfGrammar, GbnfSequence } from "./gbnf-grammar.ts";

/** What has to follow: `sequence` from `place` on, then `rest`. Equal stacks are the same object. */
export type GbnfStack = {
  readonly id: number;
  readonly sequence: GbnfSequence;
  readonly place: number;
  readonly rest: GbnfStack | null;
};

/** By their ids; null is the end of the text. */
export type GbnfStacks = ReadonlyMap<number, GbnfStack | null>;

/** The id of the end. */
export const emptyStack = 0;

export class StackMachine {
  readonly grammar: GbnfGrammar;
  readonly #stacks = new Map<string, GbnfStack>();
  readonly #sequenceIds = new Map<GbnfSequence, number>();

  constructor(grammar: GbnfGrammar) {
    this.grammar = grammar;
  }

  /** What may stand at the beginning. */
  start(): GbnfStacks {
    return this.#expand(this.#ruleStacks(this.grammar.root, null));
  }

  /** What may stand behind a character; nothing where it may not stand there itself. */
  behind(codePoint: number, stacks: GbnfStacks): GbnfStacks {
    return this.#expand([...stacks.values()].flatMap((stack) => this.#step(stack, codePoint)));
  }

  #step(stack: GbnfStack | null, codePoint: number): (GbnfStack | null)[] {
    const element = stack?.sequence[stack.place];
    if (stack === null || element?.kind !== "characters") return [];
    const isIn = element.ranges.some(([low, high]) => low <= codePoint && codePoint <= high);
    return isIn ? [this.#push(stack.sequence, stack.place + 1, stack.rest)] : [];
  }

  /** Replaces references by their rules until each stack begins with a terminal or is empty. */
  #expand(stacks: readonly (GbnfStack | null)[]): Map<number, GbnfStack | null> {
    const seen = new Set<number>();
    const ready = new Map<number, GbnfStack | null>();
    const open = [...stacks];
    for (let stack = open.pop(); stack !== undefined; stack = open.pop()) {
      const id = stack?.id ?? emptyStack;
      if (seen.has(id)) continue;
      seen.add(id);
      const element = stack?.sequence[stack.place];
      if (stack === null || element?.kind !== "rule") ready.set(id, stack);
      else open.push(...this.#ruleStacks(element.index, this.#push(stack.sequence, stack.place + 1, stack.rest)));
    }
    return ready;
  }

  #ruleStacks(index: number, rest: GbnfStack | null): (GbnfStack | null)[] {
    return (this.grammar.rules[index]?.alternatives ?? []).map((sequence) => this.#push(sequence, 0, rest));
  }

  #push(sequence: GbnfSequence, place: number, rest: GbnfStack | null): GbnfStack | null {
    if (place >= sequence.length) return rest;
    const sequenceId = this.#sequenceIds.get(sequence) ?? this.#sequenceIds.size;
    this.#sequenceIds.set(sequence, sequenceId);
    const key = `${sequenceId} ${place} ${rest?.id ?? emptyStack}`;
    const known = this.#stacks.get(key);
    if (known !== undefined) return known;
    const stack = { id: this.#stacks.size + 1, sequence, place, rest };
    this.#stacks.set(key, stack);
    return stack;
  }
}
