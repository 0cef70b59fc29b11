import type { AnswerForm } from "../output/answer-form.ts";
import { thoughtTags } from "../output/formats/thought-reader.ts";
import { tagsOf } from "../output/output-parser.ts";
import { FreeText } from "./free-text.ts";
import { gbnfLiteral } from "./gbnf/gbnf-text.ts";
import type { GrammarWriter } from "./gbnf/grammar-writer.ts";

/** How a model's thoughts stand before what a grammar asks for. */
export type ThoughtsBefore = {
  readonly opener: string;
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
  const thought = new FreeText(writer, "thoughts", [closer]);
  thought.define(() => `${between} ${answer}`, false);
  return isOpen ? thought.start : `${answer} | ${gbnfLiteral(opener)} ${thought.start}`;
}
