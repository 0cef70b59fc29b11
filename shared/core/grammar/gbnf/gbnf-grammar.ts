// A GBNF grammar as the engine holds it: groups and repetitions already written out as rules of their own.
import { PomonaError } from "../../errors.ts";
import type { CodePointRange } from "./code-points.ts";

/** One place of a sequence. `size` is the number of elements that the engine's own table needs for it. */
export type GbnfElement =
  | { readonly kind: "characters"; readonly ranges: readonly CodePointRange[]; readonly size: number }
  | { readonly kind: "token"; readonly id: number; readonly isNegated: boolean; readonly size: 1 }
  | { readonly kind: "rule"; readonly index: number; readonly size: 1 };

export type GbnfSequence = readonly GbnfElement[];

/** `name` is the rule of the text that it was written in: groups and repetitions have the name of their rule. */
export type GbnfRule = { readonly name: string; readonly alternatives: readonly GbnfSequence[] };

/** What may come more than once, and where the text says so. */
export type GbnfRepetition = { readonly body: GbnfSequence; readonly position: number };

/** `root` is an index into `rules`, as `index` of the elements is. */
export type GbnfGrammar = {
  readonly rules: readonly GbnfRule[];
  readonly root: number;
  readonly repetitions: readonly GbnfRepetition[];
};

/** What a grammar may cost the engine. The text of a grammar has limits of its own where it comes from. */
export const gbnfLimits = {
  /** Parentheses in parentheses: the engine's parser is recursive, and 200,000 of them end its process. */
  nesting: 100,
  /** The engine refuses a repetition that makes 2,000 rules or more (MAX_REPETITION_THRESHOLD in llama-grammar.cpp). */
  repetitions: 1_999,
  /** Rules after groups and repetitions are written out. */
  rules: 20_000,
  /** Elements of all rules, 8 bytes each in the engine. */
  elements: 200_000,
  /** Elements in a row that may each be empty: the engine follows every choice among them at once. */
  emptyRow: 100,
  /** Length of a chain of rules that begin with one another: the engine follows it recursively. */
  chainLength: 4_000,
  /** Elements that the engine's search for left recursion reads: it visits a rule again on every way to it. */
  searchedElements: 20_000_000,
} as const;

/** The line and the column of a position of the text, both from 1. */
export function placeIn(text: string, position: number): string {
  const before = text.slice(0, position).split("\n");
  return `at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

/** An `invalid_request` about a grammar. */
export function grammarError(message: string, field: string): PomonaError {
  return new PomonaError("invalid_request", `the grammar cannot be used: ${message}`, { field });
}
