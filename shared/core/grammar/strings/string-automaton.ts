import { scalarValues } from "../gbnf/code-points.ts";
import type { SchemaDocument } from "../schema/schema-document.ts";
import type { PatternFact } from "../schema/schema-facts.ts";
import type { StringShape } from "../schema/schema-shapes.ts";
import { type Automaton, type AutomatonLimits, intersectAutomata, pruneAutomaton } from "./automaton.ts";
import { automatonOfRegex } from "./regex-automaton.ts";
import { parsePattern, type RegexNode } from "./regex-syntax.ts";

/**
 * The texts that match all patterns and have the length; null when the length is all that is said and `isLengthCounted`
 * is not set, since a repetition says it in fewer rules.
 */
export function stringAutomaton(
  document: SchemaDocument,
  shape: StringShape,
  isLengthCounted = false,
): Automaton | null {
  const { minLength, maxLength, patterns } = shape;
  const hasLength = minLength > 0 || maxLength !== null;
  const automata = patterns.map((fact) => patternAutomaton(document, fact));
  if (hasLength && (isLengthCounted || patterns.length > 0)) automata.push(lengthAutomaton(document, shape));
  const [first, ...others] = automata;
  if (first === undefined) return null;
  const joined = others.reduce((all, next) => intersectAutomata(all, next, limitsOf(document, patterns[0])), first);
  const pruned = pruneAutomaton(joined);
  if (pruned === null) document.fail(`no text matches the schema at ${patterns[0]?.at.pointer ?? "#"}`);
  return pruned;
}

function patternAutomaton(document: SchemaDocument, fact: PatternFact): Automaton {
  const limits = limitsOf(document, fact);
  // Pruned early, so that intersections stay small.
  const pruned = pruneAutomaton(automatonOfRegex(parsePattern(fact.pattern, limits.refuse), limits));
  return pruned ?? document.fail(`no text matches the keyword \`${fact.keyword}\` at ${fact.at.pointer}`);
}

/** Beside a pattern, and in a name, every character that is counted is a state of its own. */
const countedStatesMax = 1_999;

function lengthAutomaton(document: SchemaDocument, { minLength, maxLength }: StringShape): Automaton {
  const counted = maxLength ?? minLength;
  if (counted > countedStatesMax)
    document.fail(`beside a pattern, and in names, a length is at most ${countedStatesMax}, not ${counted}`);
  const item: RegexNode = { kind: "characters", ranges: scalarValues };
  const node: RegexNode = { kind: "repeat", item, min: minLength, max: maxLength };
  return automatonOfRegex(node, limitsOf(document, undefined));
}

function limitsOf(document: SchemaDocument, fact: PatternFact | undefined): AutomatonLimits {
  const refuse = (reason: string): never =>
    fact === undefined ? document.fail(reason) : document.refuse(fact.keyword, fact.at, reason);
  return { budget: document.budget, refuse };
}
