// What a request's answer may be made of, as soon as it is known how its model writes.
import { PomonaError } from "@pomona/shared/core/errors";
import type { ToolDefinition } from "@pomona/shared/core/generation";
import { callStyle, compileAnswer } from "@pomona/shared/core/grammar/compile-answer";
import type { AnswerForm } from "@pomona/shared/core/output/answer-form";
import { taggedFormats } from "@pomona/shared/core/output/formats/tagged-calls-reader";
import { type OutputFormat, plainFormat } from "@pomona/shared/core/output/output-parser";
import { textParametersOf } from "@pomona/shared/core/output/text-parameters";
import type { GenerationRequest } from "./generation-request.ts";

/** How the tokens of an answer become its parts: all that an assembler has to know. */
export type Assembly = {
  readonly format: OutputFormat;
  readonly startsInReasoning: boolean;
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
  toolNames: [],
  textParameters: {},
  isOneCall: false,
  isCallForced: false,
};

export type OutputPlan = {
  /** GBNF that the engine enforces; null is free. */
  readonly grammar: string | null;
  readonly assembly: Assembly;
};

/**
 * @throws PomonaError `invalid_request` that names the field, for schemas and choices that cannot be enforced and for an
 * effort that the model does not know.
 */
export function planOutput(
  { input, output }: Pick<GenerationRequest, "input" | "output">,
  form: AnswerForm,
): OutputPlan {
  const { shape, toolChoice, allowedTools, thinking, parametersField = "tools[].function.parameters" } = output;
  checkEffort(output, form);
  if (thinking !== undefined) checkThinking(thinking, form);
  const told = input.kind === "chat" && toolChoice !== "none" ? (input.tools ?? []) : [];
  const tools = told
    .map((tool, place) => ({ ...tool, field: parametersField.replace("[]", `[${place}]`) }))
    .filter(({ name }) => allowedTools?.includes(name) ?? true);
  const schema = shape.kind === "text" ? null : schemaOf(shape);
  const isFree = schema === null && toolChoice === "auto";
  // In free text it is for the model to keep from thinking: what it thinks nevertheless is no text.
  const grammar = compileAnswer({ schema, tools, choice: toolChoice }, isFree ? form : asWished(output, form));
  // A call that a grammar makes is written in its style, whatever the template says.
  const format = grammar === null ? form.format : { ...form.format, calls: callStyle(form) };
  return {
    grammar,
    assembly: {
      format,
      startsInReasoning: form.startsInReasoning,
      toolNames: tools.map(({ name }) => name),
      textParameters: textParametersIn(format, tools),
      isOneCall: output.isOneCall,
      isCallForced: toolChoice !== "auto" && toolChoice !== "none",
    },
  };
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
