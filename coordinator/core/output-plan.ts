// What a request's answer may be made of, as soon as it is known how its model writes.
import { PomonaError } from "@pomona/shared/core/errors";
import type { ToolDefinition } from "@pomona/shared/core/generation";
import { callStyle, isFree } from "@pomona/shared/core/grammar/compile-answer";
import { type ChoosableTool, checkNames } from "@pomona/shared/core/grammar/compile-tool-choice";
import type { AnswerForm } from "@pomona/shared/core/output/answer-form";
import { type BegunAnswer, readBeginning } from "@pomona/shared/core/output/begun-answer";
import { taggedFormats } from "@pomona/shared/core/output/formats/tagged-calls-reader";
import { type OutputFormat, plainFormat, tagsOf } from "@pomona/shared/core/output/output-parser";
import { textParametersOf } from "@pomona/shared/core/output/text-parameters";
import type { GenerationRequest } from "./generation-request.ts";
import type { GrammarWish } from "./grammar-key.ts";

/** How the tokens of an answer become its parts: all that an assembler has to know. */
export type Assembly = {
  readonly format: OutputFormat;
  readonly startsInReasoning: boolean;
  /** The request has begun the text that the answer goes on with. */
  readonly startsInText: boolean;
  readonly toolNames: readonly string[];
  /** Of each tool, the parameters whose values are texts. */
  readonly textParameters: Readonly<Record<string, readonly string[]>>;
  /** The answer is complete after its first call. */
  readonly isOneCall: boolean;
  /** The answer is nothing but calls, thoughts aside. */
  readonly isCallForced: boolean;
};

/** All of the answer is text. */
export const plainAssembly: Assembly = {
  format: plainFormat,
  startsInReasoning: false,
  startsInText: false,
  toolNames: [],
  textParameters: {},
  isOneCall: false,
  isCallForced: false,
};

export type OutputPlan = {
  /** What the engine is to enforce; null where anything goes. */
  readonly wish: GrammarWish | null;
  readonly assembly: Assembly;
};

/**
 * @throws PomonaError `invalid_request` that names the field, for two tools of a name and for an effort that the model does not
 * know. Schemas and choices that cannot be enforced are found when the grammar is made.
 */
export function planOutput(
  { input, output }: Pick<GenerationRequest, "input" | "output">,
  form: AnswerForm,
): OutputPlan {
  const { shape, toolChoice, allowedTools, thinking, parametersField = "tools[].function.parameters" } = output;
  checkEffort(output, form);
  if (thinking !== undefined) checkThinking(thinking, form);
  const begun = form.startsInText === true ? beginningOf(input, form) : null;
  if (begun !== null) checkBegun(output, begun);
  const told = input.kind === "chat" && toolChoice !== "none" ? (input.tools ?? []) : [];
  const tools = told
    .map((tool, place) => ({ ...tool, field: parametersField.replace("[]", `[${place}]`) }))
    .filter(({ name }) => allowedTools?.includes(name) ?? true);
  checkNames(tools);
  const answer = {
    schema: shape.kind === "text" ? null : schemaOf(shape),
    tools: tools.map(ruled),
    choice: toolChoice,
    ...(begun === null ? {} : { begun: begun.text }),
  };
  // In free text it is for the model to keep from thinking, and to choose how it calls: what it thinks nevertheless is no text.
  const isText = answer.schema === null && (toolChoice === "auto" || toolChoice === "none");
  // A call that a grammar makes is written in its style, whatever the template says.
  const format = isText ? form.format : { ...form.format, calls: callStyle(form) };
  return {
    wish: isFree(answer) ? null : { answer, form: isText ? form : asWished(output, form) },
    assembly: {
      format,
      startsInReasoning: form.startsInReasoning,
      startsInText: form.startsInText ?? false,
      toolNames: tools.map(({ name }) => name),
      textParameters: textParametersIn(format, tools),
      isOneCall: output.isOneCall,
      isCallForced: toolChoice !== "auto" && toolChoice !== "none",
    },
  };
}

/** What of a tool a grammar depends on. */
function ruled({ name, parameters, strict, field }: ToolDefinition & { readonly field: string }): ChoosableTool {
  return { name, parameters, field, ...(strict === undefined ? {} : { strict }) };
}

/** Only for formats whose values have no quotes. */
function textParametersIn({ calls }: OutputFormat, tools: readonly ToolDefinition[]): Assembly["textParameters"] {
  if (!Object.hasOwn(taggedFormats, calls)) return {};
  return Object.fromEntries(tools.map(({ name, parameters }) => [name, textParametersOf(parameters)]));
}

/** One that is not to think has no thoughts before what a grammar asks for. */
function asWished({ effort, thinking }: GenerationRequest["output"], form: AnswerForm): AnswerForm {
  const isOff = effort === "none" || thinking?.isOn === false;
  return isOff ? { ...form, format: { ...form.format, thoughts: "none" } } : form;
}

function schemaOf(shape: Exclude<GenerationRequest["output"]["shape"], { kind: "text" }>) {
  return shape.kind === "json"
    ? { schema: { type: "object" }, field: shape.field ?? "response_format" }
    : { schema: shape.schema, field: shape.field };
}

/** What the answer goes on from. */
function beginningOf(input: GenerationRequest["input"], { format }: AnswerForm): BegunAnswer {
  const last = input.kind === "chat" ? input.messages.at(-1) : undefined;
  return readBeginning(last ?? { content: "" }, tagsOf(format, false));
}

/** Models think before they begin, and calls that have to be made are a whole answer. */
function checkBegun(
  { toolChoice, effort, effortField = "reasoning_effort" }: GenerationRequest["output"],
  { thoughts }: BegunAnswer,
): void {
  const isFree = toolChoice === "auto" || toolChoice === "none";
  const isThinking = effort !== null && effort !== "none" && thoughts === "";
  if (isFree && !isThinking) return;
  const field = isFree ? effortField : "tool_choice";
  const reason = `the last of messages has begun the answer${isFree ? " without thoughts" : ""}`;
  throw new PomonaError("invalid_request", `${field} cannot be honoured: ${reason}, leave one of the two out`, {
    field,
  });
}

function checkEffort(
  { effort, effortField: field = "reasoning_effort" }: GenerationRequest["output"],
  { thinking }: AnswerForm,
): void {
  if (effort === null || thinking === "graded" || thinking === "switched") return;
  // Not to think is what a model does that cannot.
  if (thinking === "never" && effort === "none") return;
  const reason = thinking === "never" ? "does not support thinking" : "thinks as much as it likes";
  throw new PomonaError("invalid_request", `the model ${reason}: leave ${field} out`, { field });
}

function checkThinking(wish: NonNullable<GenerationRequest["output"]["thinking"]>, { thinking }: AnswerForm): void {
  const { isOn, field } = wish;
  if (thinking !== (isOn ? "never" : "always")) return;
  const reason = isOn ? "the model does not support thinking" : "the model cannot be kept from thinking";
  throw new PomonaError("invalid_request", `${field} cannot be honoured: ${reason}`, { field });
}
