import { type GbnfElement, type GbnfGrammar, type GbnfRule, gbnfLimits } from "./gbnf-grammar.ts";

/** What is wrong with a grammar that was read; null when nothing is. */
export type GbnfFault =
  | { readonly kind: "left-recursion"; readonly name: string }
  | { readonly kind: "empty-repetition"; readonly position: number }
  | { readonly kind: "empty-row"; readonly name: string }
  | { readonly kind: "chain-too-long"; readonly name: string }
  | { readonly kind: "search-too-large" }
  | null;

/**
 * Rules that a model cannot be led through: those that begin with themselves, also behind something that may be empty
 * (the engine only sees direct emptiness and then does not end), those that leave open how often nothing is repeated
 * (the engine follows all the ways at once), and those whose check in the engine takes too long or too much of its
 * stack. Takes time linear in the grammar and recurses nowhere.
 */
export function findFault(grammar: GbnfGrammar): GbnfFault {
  const mayBeEmpty = rulesThat(grammar, () => false);
  const emptiness = findEmptiness(grammar, mayBeEmpty);
  if (emptiness !== null) return emptiness;
  const isDirectlyEmpty = grammar.rules.map((rule) => rule.alternatives.some((sequence) => sequence.length === 0));
  const order = leftmostOrder(grammar, mayBeEmpty);
  if (order.kind === "cycle") return { kind: "left-recursion", name: nameOf(grammar, order.index) };
  const costs = new Float64Array(grammar.rules.length);
  const lengths = new Float64Array(grammar.rules.length);
  let total = 0;
  for (const index of order.indexes) {
    const rule = grammar.rules[index];
    if (rule === undefined) continue;
    const first = leftmostRules(rule, isDirectlyEmpty);
    costs[index] = first.reduce((sum, next) => sum + (costs[next] ?? 0), sizeOf(rule));
    lengths[index] = 1 + first.reduce((longest, next) => Math.max(longest, lengths[next] ?? 0), 0);
    total += costs[index] ?? 0;
    if ((lengths[index] ?? 0) > gbnfLimits.chainLength) return { kind: "chain-too-long", name: rule.name };
  }
  return total > gbnfLimits.searchedElements ? { kind: "search-too-large" } : null;
}

function findEmptiness(grammar: GbnfGrammar, mayBeEmpty: readonly boolean[]): GbnfFault {
  const isEmptyable = (element: GbnfElement): boolean => element.kind === "rule" && mayBeEmpty[element.index] === true;
  const repetition = grammar.repetitions.find(({ body }) => body.every(isEmptyable));
  if (repetition !== undefined) return { kind: "empty-repetition", position: repetition.position };
  for (const { name, alternatives } of grammar.rules) {
    for (const sequence of alternatives) {
      let row = 0;
      for (const element of sequence) {
        row = isEmptyable(element) ? row + 1 : 0;
        if (row > gbnfLimits.emptyRow) return { kind: "empty-row", name };
      }
    }
  }
  return null;
}

/** Whether each rule matches some text completely: not so for `root ::= "a" root`. */
export function canEnd(grammar: GbnfGrammar): boolean {
  return rulesThat(grammar, () => true).every((ends) => ends);
}

/**
 * The rules with an alternative whose every element holds: a terminal by `terminalHolds`, a reference when its rule has
 * such an alternative itself. The least fixed point, by counting what is left to show of each alternative.
 */
function rulesThat(grammar: GbnfGrammar, terminalHolds: (element: GbnfElement) => boolean): boolean[] {
  const holds = grammar.rules.map(() => false);
  const users: { rule: number; left: number }[][] = grammar.rules.map(() => []);
  const found: number[] = [];
  for (const [rule, { alternatives }] of grammar.rules.entries()) {
    for (const sequence of alternatives) {
      const alternative = { rule, left: 0 };
      for (const element of sequence) {
        if (element.kind === "rule") users[element.index]?.push(alternative);
        if (element.kind === "rule" || !terminalHolds(element)) alternative.left += 1;
      }
      if (alternative.left === 0) found.push(rule);
    }
  }
  for (let rule = found.pop(); rule !== undefined; rule = found.pop()) {
    if (holds[rule]) continue;
    holds[rule] = true;
    for (const user of users[rule] ?? []) {
      user.left -= 1;
      if (user.left === 0) found.push(user.rule);
    }
  }
  return holds;
}

/** Rules that a text of `rule` may begin with, once for each place: up to the first element that cannot be empty. */
function leftmostRules(rule: GbnfRule, mayBeEmpty: readonly boolean[]): number[] {
  const first: number[] = [];
  for (const sequence of rule.alternatives) {
    for (const element of sequence) {
      if (element.kind !== "rule") break;
      first.push(element.index);
      if (!mayBeEmpty[element.index]) break;
    }
  }
  return first;
}

type Order =
  | { readonly kind: "order"; readonly indexes: readonly number[] }
  | { readonly kind: "cycle"; readonly index: number };

/** Every rule after all that it may begin with, or a rule that may begin with itself. */
function leftmostOrder(grammar: GbnfGrammar, mayBeEmpty: readonly boolean[]): Order {
  const states: ("new" | "open" | "done")[] = grammar.rules.map(() => "new");
  const indexes: number[] = [];
  for (const root of grammar.rules.keys()) {
    const path: { index: number; pending: number[] }[] = [];
    const open = (index: number): void => {
      states[index] = "open";
      const rule = grammar.rules[index];
      path.push({ index, pending: rule === undefined ? [] : leftmostRules(rule, mayBeEmpty) });
    };
    if (states[root] === "new") open(root);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.pending.pop();
      if (next === undefined) {
        states[top.index] = "done";
        indexes.push(top.index);
        path.pop();
      } else if (states[next] === "open") return { kind: "cycle", index: next };
      else if (states[next] === "new") open(next);
    }
  }
  return { kind: "order", indexes };
}

function sizeOf(rule: GbnfRule): number {
  return rule.alternatives.reduce((sum, sequence) => sum + 1 + sequence.length, 0);
}

function nameOf(grammar: GbnfGrammar, index: number): string {
  return grammar.rules[index]?.name ?? "";
}
