import type { AnswerForm } from "../output/answer-form.ts";
import { schemaBody } from "./compile-json-schema.ts";
import {
  type ChoosableTool,
  callBody,
  type ToolCallStyle,
  type ToolChoice,
  toolCallStyles,
} from "./compile-tool-choice.ts";
import { gbnfLiteral } from "./gbnf/gbnf-text.ts";
import { GrammarWriter } from "./gbnf/grammar-writer.ts";
import { afterThoughts, thoughtsBefore } from "./thoughts-before.ts";

export type AnswerGrammar = {
  /** A JSON schema that the visible answer has to match, and the request's field for errors; null leaves it free. */
  readonly schema: { readonly schema: unknown; readonly field: string } | null;
  readonly tools: readonly ChoosableTool[];
  /** `auto` allows a call instead of the answer. */
  readonly choice: "auto" | "none" | ToolChoice;
};

/**
 * The GBNF grammar of a whole answer in a model's form: thoughts where the model has them, and then a call, or a document
 * that matches the schema. Null where anything goes. Throws `invalid_request` as `compileJsonSchema` and
 * `compileToolChoice`.
 */
export function compileAnswer({ schema, tools, choice }: AnswerGrammar, form: AnswerForm): string | null {
  const isForced = choice !== "auto" && choice !== "none";
  if (schema === null && !isForced) return null;
  const writer = new GrammarWriter(isForced ? "tools" : (schema?.field ?? "tools"));
  const bodies: string[] = [];
  if (isForced || (choice === "auto" && tools.length > 0)) {
    bodies.push(callBody(writer, { tools, choice: isForced ? choice : "required", style: callStyle(form) }));
  }
  if (schema !== null && !isForced) bodies.push(documentBody(writer, schema, form));
  return writer.finish(afterThoughts(writer, bodies.join(" | "), thoughtsBefore(form)));
}

/** Forms that no grammar is written for, and models whose form is not known, get the generic one. */
export function callStyle({ format }: AnswerForm): ToolCallStyle {
  return toolCallStyles.find((style) => style === format.calls) ?? "json";
}

function documentBody(
  writer: GrammarWriter,
  { schema, field }: NonNullable<AnswerGrammar["schema"]>,
  { format }: AnswerForm,
): string {
  const document = schemaBody(writer, schema, field);
  // openai/harmony, docs/format.md: what the user sees is the channel "final".
  return format.calls === "harmony" ? `${gbnfLiteral("<|channel|>final<|message|>")} ${document}` : document;
}
