// The grammar of what is left of a text whose beginning is given.
import type { Slices } from "../../slices.ts";
import type { GbnfElement, GbnfGrammar, GbnfSequence } from "./gbnf-grammar.ts";
import { type GbnfStack, type GbnfStacks, StackMachine } from "./gbnf-stacks.ts";
import { gbnfClass, gbnfLiteral } from "./gbnf-text.ts";

/** Derivations that are followed at once: as many are slow for the engine too. */
const stacksMax = 500;
/** Derivations that go on by a character between two pauses: a few milliseconds. */
const sliceSteps = 1000;
/** Rules that are written between two pauses. */
const sliceLines = 1000;

/**
 * GBNF whose texts are the ends of those of `root` that begin with `beginning`, with pauses. Null
 * where none does, or too many ways lead through it. Holds no more rules than the grammar, but for a few for each way.
 */
export function* grammarBehind(grammar: GbnfGrammar, beginning: string): Slices<string | null> {
  const machine = new StackMachine(grammar);
  let stacks = machine.start();
  let steps = 0;
  for (const character of beginning) {
    steps += stacks.size;
    if (steps > sliceSteps) {
      steps = 0;
      yield;
    }
    stacks = machine.behind(character.codePointAt(0) ?? 0, stacks);
    if (stacks.size === 0 || stacks.size > stacksMax) return null;
  }
  yield;
  return yield* written(grammar, stacks);
}

function* written({ rules }: GbnfGrammar, stacks: GbnfStacks): Slices<string> {
  const lines: string[] = [];
  const open: GbnfElement[] = [];
  const textOf = (sequence: GbnfSequence): string[] => {
    open.push(...sequence);
    return sequenceTexts(sequence);
  };
  const named = new Set<GbnfStack>();
  const roots = [...stacks.values()];
  for (let stack of roots)
    for (; stack !== null && !named.has(stack); stack = stack.rest) {
      named.add(stack);
      const rest = stack.rest === null ? [] : [stackName(stack.rest)];
      lines.push(ruleText(stackName(stack), [[...textOf(stack.sequence.slice(stack.place)), ...rest]]));
    }
  const seen = new Set<number>();
  for (let element = open.pop(); element !== undefined; element = open.pop()) {
    if (element.kind !== "rule" || seen.has(element.index)) continue;
    seen.add(element.index);
    if (lines.length % sliceLines === 0) yield;
    lines.push(ruleText(ruleName(element.index), (rules[element.index]?.alternatives ?? []).map(textOf)));
  }
  const root = roots.map((stack) => (stack === null ? [] : [stackName(stack)]));
  return [ruleText("root", root), ...lines].join("");
}

const stackName = ({ id }: GbnfStack): string => `rest-${id}`;
const ruleName = (index: number): string => `part-${index}`;

/** An alternative that is empty has to be the first: behind a bar the engine reads on in the next line. */
function ruleText(name: string, alternatives: readonly (readonly string[])[]): string {
  const bodies = alternatives.map((parts) => parts.join(" "));
  const [empty, full] = [bodies.filter((body) => body === ""), bodies.filter((body) => body !== "")];
  return `${name} ::= ${[...empty.slice(0, 1), ...full].join(" | ")}\n`;
}

function sequenceTexts(sequence: GbnfSequence): string[] {
  const texts: string[] = [];
  let literal = "";
  const endLiteral = (): void => {
    if (literal !== "") texts.push(gbnfLiteral(literal));
    literal = "";
  };
  for (const element of sequence) {
    const character = onlyCharacter(element);
    if (character === null) endLiteral();
    literal += character ?? "";
    if (character === null) texts.push(elementText(element));
  }
  endLiteral();
  return texts;
}

/** What alone may stand there; else null. */
function onlyCharacter(element: GbnfElement): string | null {
  if (element.kind !== "characters" || element.ranges.length !== 1) return null;
  const [low, high] = element.ranges[0] ?? [0, 1];
  return low === high ? String.fromCodePoint(low) : null;
}

function elementText(element: GbnfElement): string {
  switch (element.kind) {
    case "characters":
      return gbnfClass(element.ranges);
    case "rule":
      return ruleName(element.index);
    case "token":
      return `${element.isNegated ? "!" : ""}<[${element.id}]>`;
  }
}
