import { PomonaError } from "../errors.ts";
import type { AnswerForm } from "../output/answer-form.ts";
import { taggedFormats } from "../output/formats/tagged-calls-reader.ts";
import { runThrough, type Slices } from "../slices.ts";
import { TaggedArguments } from "./calls/tagged-arguments.ts";
import { type CallingForm, callsInText, isTagged, markedStyle } from "./calls-in-text.ts";
import { schemaBody } from "./compile-json-schema.ts";
import {
  argumentsRule,
  type ChoosableTool,
  callBody,
  checkNames,
  type ToolCallStyle,
  type ToolChoice,
  toolCallStyles,
} from "./compile-tool-choice.ts";
import { gbnfLiteral } from "./gbnf/gbnf-text.ts";
import { GrammarWriter, unlessInvalid } from "./gbnf/grammar-writer.ts";
import { afterThoughts, thoughtsBefore } from "./thoughts-before.ts";

export type AnswerGrammar = {
  /** A JSON schema that the visible answer has to match, and the request's field for errors; null leaves it free. */
  readonly schema: { readonly schema: unknown; readonly field: string } | null;
  readonly tools: readonly ChoosableTool[];
  /** `auto` allows a call instead of the answer. */
  readonly choice: "auto" | "none" | ToolChoice;
  /** The beginning of the document, which the answer goes on with; none by default. */
  readonly begun?: string;
};

/** Characters of a beginning that is held to a schema. */
const begunLengthMax = 10_000;

/**
 * The GBNF grammar of a whole answer in a model's form: thoughts where the model has them, and then a call, or a document
 * that matches the schema, or free text with calls of tools that are strict. Null where anything goes. Throws
 * `invalid_request` as `compileJsonSchema` and `compileToolChoice`.
 */
export function compileAnswer(answer: AnswerGrammar, form: AnswerForm): string | null {
  return runThrough(compileAnswerInSlices(answer, form));
}

/** The same, with a pause behind each schema and each part of the check. */
export function* compileAnswerInSlices(
  { schema, tools, choice, begun }: AnswerGrammar,
  form: AnswerForm,
): Slices<string | null> {
  if (schema !== null && begun !== undefined) return yield* compileRest(schema, begun);
  if (isFree({ schema, tools, choice })) return null;
  const isForced = choice !== "auto" && choice !== "none";
  if (schema === null && !isForced) return yield* compileCallsInText(tools, form);
  const writer = new GrammarWriter(isForced ? "tools" : (schema?.field ?? "tools"));
  const bodies: string[] = [];
  if (isForced || (choice === "auto" && tools.length > 0)) {
    bodies.push(yield* callBody(writer, { tools, choice: isForced ? choice : "required", style: callStyle(form) }));
  }
  if (schema !== null && !isForced) bodies.push(documentBody(writer, schema, form));
  return yield* writer.finish(afterThoughts(writer, bodies.join(" | "), thoughtsBefore(form)));
}

/** What is left of a document that has begun, maybe with space: no call comes instead of it, and no thoughts before it. */
function* compileRest({ schema, field }: NonNullable<AnswerGrammar["schema"]>, begun: string): Slices<string> {
  const writer = new GrammarWriter(field);
  const isShort = begun.length <= begunLengthMax;
  const rest = isShort ? yield* writer.finishBehind(schemaBody(writer, schema, field), begun.trimStart()) : null;
  if (rest !== null) return rest;
  const reason = isShort
    ? "no answer that matches it begins as the last of messages does"
    : `the last of messages may begin an answer with at most ${begunLengthMax} characters beside it`;
  throw new PomonaError("invalid_request", `${field} cannot be honoured: ${reason}`, { field });
}

/** Whether anything goes, however the model writes: nothing is promised where no tool is strict. */
export function isFree({ schema, tools, choice }: AnswerGrammar): boolean {
  if (schema !== null) return false;
  return choice === "none" || (choice === "auto" && tools.every(({ strict }) => strict === undefined));
}

/** Null for forms whose calls no grammar tells from text. */
function* compileCallsInText(tools: readonly ChoosableTool[], form: AnswerForm): Slices<string | null> {
  const style = markedStyle(form);
  if (style === null) return null;
  checkNames(tools);
  const needed = tools.filter(({ strict }) => strict === "always");
  const isOptional = tools.some(({ strict }) => strict === "where-possible");
  const all = isOptional ? yield* unlessInvalid(grammarOfCalls(tools, { ...form, style })) : null;
  if (all !== null || needed.length === 0) return all;
  // What has to be strict is, where all together would be too large.
  return yield* grammarOfCalls(
    tools.map((tool) => (needed.includes(tool) ? tool : { name: tool.name })),
    { ...form, style },
  );
}

function* grammarOfCalls(tools: readonly ChoosableTool[], form: CallingForm): Slices<string> {
  const writer = new GrammarWriter("tools", isTagged(form.style));
  const written = isTagged(form.style) ? new TaggedArguments(writer, taggedFormats[form.style]) : jsonArguments(writer);
  const rules = new Map<ChoosableTool, string>();
  // Those that have to be strict come first: nothing else may use up their time.
  for (const [index, tool] of tools.entries()) {
    if (tool.strict !== "always") continue;
    rules.set(tool, written.ruleFor(tool, index));
    yield;
  }
  for (const [index, tool] of tools.entries()) {
    const rule = tool.strict === "where-possible" ? writer.attempt(() => written.ruleFor(tool, index)) : null;
    if (rule !== null) rules.set(tool, rule);
    yield;
  }
  const ruled = tools.map((tool) => ({ name: tool.name, rule: rules.get(tool) ?? written.anything() }));
  return yield* writer.finish(callsInText(writer, ruled, form));
}

function jsonArguments(writer: GrammarWriter): Pick<TaggedArguments, "ruleFor" | "anything"> {
  return {
    ruleFor: (tool, index) => argumentsRule(writer, tool, index),
    anything: () => writer.json("object"),
  };
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
