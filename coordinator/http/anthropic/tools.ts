// Tools and how they may be called, as the Messages API names them.
import type { ToolDefinition } from "@pomona/shared/core/generation";
import { z } from "zod";
import { freeOutput, type OutputWish } from "../../core/generation-request.ts";
import { type FieldPath, fewItems, invalid, jsonObject, parseAt, text, typeAt } from "../requests/field.ts";
import { parseToolList, toolName } from "../requests/tools.ts";
import { cacheControl } from "./cache-control.ts";
import type { DeclaredTool } from "./offered-tools.ts";

const examplesMax = 100;

const toolSchema = z.strictObject({
  type: z.literal("custom").nullish(),
  name: toolName,
  description: text.nullish(),
  input_schema: jsonObject.refine(({ type }) => type === "object", { path: ["type"], error: 'must be "object"' }),
  cache_control: cacheControl,
  /** Calls that have to be made are enforced with or without it, those of the model's own accord with it. */
  strict: z.boolean().nullish(),
  /** Arguments come as they are written, with or without it. */
  eager_input_streaming: z.boolean().nullish(),
  input_examples: fewItems(examplesMax, "examples").nullish(),
  defer_loading: z.boolean().nullish(),
  allowed_callers: z.tuple([z.literal("direct")], { error: 'must be ["direct"]' }).nullish(),
});

/** @throws PomonaError `invalid_request` that names the field. */
export function parseTools(value: unknown): readonly DeclaredTool[] {
  return parseToolList(value, ["tools"], parseTool);
}

/** @throws PomonaError `invalid_request` that names the field. */
export function parseTool(value: unknown, path: FieldPath): DeclaredTool {
  const { type: named } = parseAt(jsonObject, value, path);
  const type = named == null ? "custom" : typeAt(value, path);
  if (type !== "custom")
    throw invalid(
      [...path, "type"],
      `is ${JSON.stringify(type.slice(0, 100))}: this pool runs no tools, describe yours by an input_schema`,
    );
  const tool = parseAt(toolSchema, value, path);
  const { name, description, input_schema: parameters, input_examples: examples, strict } = tool;
  const told = examples == null || examples.length === 0 ? "" : `\nExamples of its input: ${JSON.stringify(examples)}`;
  const described = `${description ?? ""}${told}`;
  const definition: ToolDefinition = {
    name,
    ...(described === "" ? {} : { description: described }),
    parameters,
    ...(strict === true ? { strict: "always" } : {}),
  };
  return { name, definition, isDeferred: tool.defer_loading ?? false };
}

const oneCall = { disable_parallel_tool_use: z.boolean().nullish() };
const choiceSchemas = {
  auto: z.strictObject({ type: z.literal("auto"), ...oneCall }),
  any: z.strictObject({ type: z.literal("any"), ...oneCall }),
  none: z.strictObject({ type: z.literal("none") }),
  tool: z.strictObject({ type: z.literal("tool"), name: toolName, ...oneCall }),
};
const choiceType = z.looseObject({ type: z.enum(["auto", "any", "tool", "none"]) });

export type CallWish = Pick<OutputWish, "toolChoice" | "isOneCall">;

/** `tools` are those that the model is told. @throws PomonaError `invalid_request` that names the field. */
export function parseToolChoice(value: unknown, tools: readonly ToolDefinition[]): CallWish {
  const path: FieldPath = ["tool_choice"];
  if (value === undefined || value === null)
    return { toolChoice: freeOutput.toolChoice, isOneCall: freeOutput.isOneCall };
  const { type } = parseAt(choiceType, value, path);
  if (type === "none") {
    parseAt(choiceSchemas.none, value, path);
    return { toolChoice: "none", isOneCall: false };
  }
  if (type === "tool") return parseNamed(value, tools);
  const { disable_parallel_tool_use: isOneCall } = parseAt(choiceSchemas[type], value, path);
  if (type === "any" && tools.length === 0) throw invalid(path, "is any, but there are no tools");
  return { toolChoice: type === "any" ? "required" : "auto", isOneCall: isOneCall ?? false };
}

function parseNamed(value: unknown, tools: readonly ToolDefinition[]): CallWish {
  const { name, disable_parallel_tool_use: isOneCall } = parseAt(choiceSchemas.tool, value, ["tool_choice"]);
  if (!tools.some((tool) => tool.name === name))
    throw invalid(["tool_choice", "name"], `names ${name}, which is none of the tools that the model is told`);
  return { toolChoice: { name }, isOneCall: isOneCall ?? false };
}
