// Tools and how they may be called, as chat completions and responses name them.
import type { ToolDefinition } from "@pomona/shared/core/generation";
import { z } from "zod";
import type { OutputWish } from "../../core/generation-request.ts";
import { type FieldPath, invalid, parseAt, text } from "./field.ts";

const toolsMax = 512;

export const toolName = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,128}$/, { error: "must be 1 to 128 letters, digits, dots, dashes and underscores" });

/** What describes a function: in chat completions under `function`, in responses in the tool itself. */
export const functionFields = {
  name: toolName,
  description: text.nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  /** Calls that have to be made are enforced with or without it. */
  strict: z.boolean().nullish(),
};

type FunctionFields = {
  readonly name: string;
  readonly description?: string | null | undefined;
  readonly parameters?: Record<string, unknown> | null | undefined;
};

/** A function without parameters has none to give. */
const noParameters = { type: "object", properties: {}, additionalProperties: false };

export function toolOf({ name, description, parameters }: FunctionFields): ToolDefinition {
  return { name, ...(description == null ? {} : { description }), parameters: parameters ?? noParameters };
}

/** Checks a list of tools one by one. @throws PomonaError `invalid_request` that names the field. */
export function parseToolList(
  value: unknown,
  path: FieldPath,
  parseTool: (tool: unknown, path: FieldPath) => ToolDefinition,
): readonly ToolDefinition[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(path, "must be a list of tools");
  if (value.length > toolsMax) throw invalid(path, `must hold at most ${toolsMax} tools, not ${value.length}`);
  const names = new Set<string>();
  return value.map((item: unknown, index) => {
    const tool = parseTool(item, [...path, index]);
    if (names.has(tool.name)) throw invalid([...path, index], `has the name of another tool, ${tool.name}`);
    names.add(tool.name);
    return tool;
  });
}

const chatToolSchema = z.strictObject({
  type: z.literal("function"),
  function: z.strictObject(functionFields),
});

export function parseChatTools(value: unknown): readonly ToolDefinition[] {
  return parseToolList(value, ["tools"], (tool, path) => {
    const { type } = parseAt(z.looseObject({ type: z.string() }), tool, path);
    if (type !== "function") throw unsupportedTool(type, path);
    return toolOf(parseAt(chatToolSchema, tool, path).function);
  });
}

export function unsupportedTool(type: string, path: FieldPath) {
  return invalid(
    [...path, "type"],
    `is ${JSON.stringify(type.slice(0, 100))}: this pool knows tools of the type "function"`,
  );
}

const choiceWords = ["none", "auto", "required"] as const;
const namedChoice = z.strictObject({ type: z.literal("function"), function: z.strictObject({ name: toolName }) });

/** `tool_choice` of chat completions. */
export function parseChatToolChoice(value: unknown, tools: readonly ToolDefinition[]): OutputWish["toolChoice"] {
  return parseToolChoice(value, tools, (choice) => parseAt(namedChoice, choice, ["tool_choice"]).function.name);
}

export function parseToolChoice(
  value: unknown,
  tools: readonly ToolDefinition[],
  nameOf: (choice: object) => string,
): OutputWish["toolChoice"] {
  if (value === undefined || value === null) return "auto";
  if (typeof value === "object") {
    const name = nameOf(value);
    if (!tools.some((tool) => tool.name === name))
      throw invalid(["tool_choice"], `names ${name}, which is none of the tools`);
    return { name };
  }
  const word = choiceWords.find((known) => known === value);
  if (word === undefined) throw invalid(["tool_choice"], `must be ${choiceWords.join(", ")}, or name a function`);
  if (word === "required" && tools.length === 0) throw invalid(["tool_choice"], "is required, but there are no tools");
  return word;
}
