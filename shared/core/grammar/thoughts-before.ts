import type { AnswerForm } from "../output/answer-form.ts";
import { thoughtTags } from "../output/formats/thought-reader.ts";
import { tagsOf } from "../output/output-parser.ts";
import { gbnfClass, gbnfLiteral } from "./gbnf/gbnf-text.ts";
import type { GrammarWriter } from "./gbnf/grammar-writer.ts";

/** How a model's thoughts stand before what a grammar asks for. */
export type ThoughtsBefore = {
  readonly opener: string;
  /** At least two characters; none but the first is like the first. */
  readonly closer: string;
  /** GBNF of what stands between the thoughts and the answer. */
  readonly between: string;
  /** The prompt ends with the opener. */
  readonly isOpen: boolean;
};

/** Null for a model that does not think. */
export function thoughtsBefore({ format, startsInReasoning }: AnswerForm): ThoughtsBefore | null {
  if (format.calls === "harmony") {
    // openai/harmony, docs/format.md: the analysis is a message of its own.
    const between = gbnfLiteral("<|start|>assistant");
    return { opener: "<|channel|>analysis<|message|>", closer: "<|end|>", between, isOpen: startsInReasoning };
  }
  const tags = tagsOf(format, startsInReasoning);
  if (tags === null) return null;
  const [opener, closer] = thoughtTags[tags];
  return { opener, closer, between: "[ \\n]{0,4}", isOpen: startsInReasoning };
}

/** The GBNF of `body` behind thoughts that a model may have, or has begun; they are free but for their end. */
export function afterThoughts(writer: GrammarWriter, body: string, thoughts: ThoughtsBefore | null): string {
  if (thoughts === null) return body;
  const { opener, closer, between, isOpen } = thoughts;
  const answer = writer.add("answer", body);
  const [first = "", ...others] = closer;
  const characters = [first, ...others];
  // One rule for each number of characters of the closer that were read; what is none of it begins anew.
  const rules = characters.map((_, index) => writer.reserve(`thoughts-${index}`));
  for (const [index, character] of characters.entries()) {
    const next = rules[index + 1] ?? `${between} ${answer}`;
    const again = index === 0 ? [] : [`${gbnfLiteral(first)} ${rules[1]}`];
    const rest = `${gbnfClass(rangesBut([first, character]))} ${rules[0]}`;
    writer.define(rules[index] ?? "", [`${gbnfLiteral(character)} ${next}`, ...again, rest].join(" | "));
  }
  return isOpen ? `${rules[0]}` : `${answer} | ${gbnfLiteral(opener)} ${rules[0]}`;
}

/** All code points but these. */
function rangesBut(characters: readonly string[]): readonly (readonly [low: number, high: number])[] {
  const excluded = [...new Set(characters.map((character) => character.codePointAt(0) ?? 0))].sort((a, b) => a - b);
  const ranges: (readonly [number, number])[] = [];
  let low = 1;
  for (const codePoint of excluded) {
    if (low < codePoint) ranges.push([low, codePoint - 1]);
    low = codePoint + 1;
  }
  return [...ranges, [low, 0x10ffff]];
}
