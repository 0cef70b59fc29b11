import { type CodePointRange, intersectRanges, subtractRanges } from "../gbnf/code-points.ts";
import { gbnfClass, gbnfLiteral } from "../gbnf/gbnf-text.ts";
import type { GrammarWriter } from "../gbnf/grammar-writer.ts";
import type { Automaton, AutomatonEdge } from "./automaton.ts";

/** NUL, and half surrogate pairs. */
const unsayable: readonly CodePointRange[] = [
  [0, 0],
  [0xd800, 0xdfff],
];
/** Code points that a JSON string must not hold as they are (RFC 8259, section 7), and half surrogate pairs. */
const escaped: readonly CodePointRange[] = [
  [0, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
  [0xd800, 0xdfff],
];
/** What stands behind a backslash for a code point. */
const shortEscapes = new Map([
  [0x22, '"'],
  [0x5c, "\\"],
  [8, "b"],
  [9, "t"],
  [10, "n"],
  [12, "f"],
  [13, "r"],
]);
const shortEscaped: readonly CodePointRange[] = [...shortEscapes.keys()].map((point) => [point, point]);

/** A part of a sequence: text as it is, or a piece of GBNF. */
type Part = { readonly literal: string } | { readonly source: string };

/** How a character is written, and what stands at the end. */
type Spelling = { readonly waysAlong: (edge: AutomatonEdge) => Way[]; readonly end: Part };

/**
 * Adds the rules for the JSON strings whose value the automaton matches, and gives the name of the one to begin with;
 * the opening quotation mark is not in it, the closing one is. Each value has one spelling, that of `JSON.stringify`,
 * and the engine never has to follow more than one derivation. The automaton must be pruned.
 */
export function addStringRules(writer: GrammarWriter, automaton: Automaton, hint: string): string {
  return addRules(writer, {
    automaton,
    hint,
    spelling: { waysAlong: writer.isInTags ? waysInTags : waysAlong, end: { literal: '"' } },
  });
}

/** The same for texts as they are, without quotation marks. */
export function addBareTextRules(writer: GrammarWriter, automaton: Automaton, hint: string): string {
  return addRules(writer, { automaton, hint, spelling: { waysAlong: bareWays, end: { source: '""' } } });
}

type Spelled = { readonly automaton: Automaton; readonly hint: string; readonly spelling: Spelling };

function addRules(writer: GrammarWriter, { automaton, hint, spelling }: Spelled): string {
  const sources = new Map<number, number>();
  for (const { target } of automaton.flatMap(({ edges }) => edges)) sources.set(target, (sources.get(target) ?? 0) + 1);
  const waysOf = automaton.map(({ isAccepting, edges }) => [
    ...(isAccepting ? [{ part: spelling.end, target: null }] : []),
    ...edges.flatMap((edge) => spelling.waysAlong(edge)),
  ]);
  const names = new Map<number, string>();
  const open: number[] = [];
  const nameOf = (state: number): string => {
    const known = names.get(state);
    if (known !== undefined) return known;
    const name = writer.reserve(hint);
    names.set(state, name);
    open.push(state);
    return name;
  };
  /** The way to the next state with a rule of its own: states with one way in and one out are written in a row. */
  const follow = (way: Way): string => {
    const parts = [way.part];
    for (let { target } = way; target !== null; ) {
      const [only, ...others] = waysOf[target] ?? [];
      if (only === undefined || others.length > 0 || target === 0 || (sources.get(target) ?? 0) > 1) {
        parts.push({ source: nameOf(target) });
        break;
      }
      parts.push(only.part);
      target = only.target;
    }
    return joinParts(parts);
  };
  const first = nameOf(0);
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    writer.define(nameOf(state), (waysOf[state] ?? []).map(follow).join(" | "));
  }
  return first;
}

/** `target` is null behind the end of the string. */
type Way = { readonly part: Part; readonly target: number | null };

/** The spellings of the characters of an edge. */
function waysAlong({ ranges, target }: AutomatonEdge): Way[] {
  const parts: Part[] = [];
  const [only] = ranges;
  const isPlainLetter = ranges.length === 1 && only !== undefined && only[0] === only[1] && only[0] > 0x5c;
  if (isPlainLetter && only[1] < 0xd800) return [{ part: charactersPart(ranges, ""), target }];
  const plain = subtractRanges(ranges, escaped);
  if (plain.length > 0) parts.push(charactersPart(plain, ""));
  const short = intersectRanges(ranges, shortEscaped).flatMap(([low, high]) => {
    const points = Array.from({ length: high - low + 1 }, (_, index) => low + index);
    return points.map((point) => shortEscapes.get(point)?.codePointAt(0) ?? 0);
  });
  if (short.length > 0)
    parts.push(
      charactersPart(
        short.map((point) => [point, point]),
        "\\",
      ),
    );
  const long = subtractRanges(intersectRanges(ranges, [[0, 0x1f]]), shortEscaped);
  for (const [start, prefix] of [
    [0, "\\u000"],
    [0x10, "\\u001"],
  ] as const) {
    const digits = intersectRanges(long, [[start, start + 15]]).flatMap(([low, high]) => hexDigits(low, high));
    if (digits.length > 0) parts.push(charactersPart(digits, prefix));
  }
  return parts.map((part) => ({ part, target }));
}

const less: readonly CodePointRange[] = [[0x3c, 0x3c]];

/** `<` would begin an end tag. */
function waysInTags({ ranges, target }: AutomatonEdge): Way[] {
  const others = subtractRanges(ranges, less);
  const ways = others.length > 0 ? waysAlong({ ranges: others, target }) : [];
  return intersectRanges(ranges, less).length > 0 ? [...ways, { part: { literal: "\\u003c" }, target }] : ways;
}

function bareWays({ ranges, target }: AutomatonEdge): Way[] {
  const sayable = subtractRanges(ranges, unsayable);
  return sayable.length > 0 ? [{ part: charactersPart(sayable, ""), target }] : [];
}

/** The last digits of the code points, as ranges of characters. */
function hexDigits(low: number, high: number): CodePointRange[] {
  const points = Array.from({ length: high - low + 1 }, (_, index) => low + index);
  return points.map((point) => {
    const digit = (point % 16).toString(16).codePointAt(0) ?? 0;
    return [digit, digit];
  });
}

function charactersPart(ranges: readonly CodePointRange[], prefix: string): Part {
  const [range, ...others] = ranges;
  if (range !== undefined && others.length === 0 && range[0] === range[1]) {
    return { literal: prefix + String.fromCodePoint(range[0]) };
  }
  return { source: prefix === "" ? gbnfClass(ranges) : `${gbnfLiteral(prefix)} ${gbnfClass(ranges)}` };
}

function joinParts(parts: readonly Part[]): string {
  const sources: string[] = [];
  let literal = "";
  for (const part of parts) {
    if ("literal" in part) {
      literal += part.literal;
      continue;
    }
    if (literal !== "") sources.push(gbnfLiteral(literal));
    literal = "";
    sources.push(part.source);
  }
  if (literal !== "") sources.push(gbnfLiteral(literal));
  return sources.join(" ");
}
