// Tools and how they may be called, as chat completions and responses name them.
import type { ToolDefinition } from "@pomona/shared/core/generation";
import { z } from "zod";
import type { OutputWish } from "../../core/generation-request.ts";
import { type FieldPath, invalid, jsonObject, text } from "./field.ts";

export const toolsMax = 512;

export const toolName = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,128}$/, { error: "must be 1 to 128 letters, digits, dots, dashes and underscores" });

/** What describes a function: in chat completions under `function`, in responses in the tool itself. */
export const functionFields = {
  name: toolName,
  description: text.nullish(),
  parameters: jsonObject.nullish(),
  /** Calls that have to be made are enforced with or without it, those of the model's own accord with it. */
  strict: z.boolean().nullish(),
};

type FunctionFields = {
  readonly name: string;
  readonly description?: string | null | undefined;
  readonly parameters?: Record<string, unknown> | null | undefined;
  readonly strict?: ToolDefinition["strict"] | null;
};

/** A function without parameters has none to give. */
const noParameters = { type: "object", properties: {}, additionalProperties: false };

export function toolOf({ name, description, parameters, strict }: FunctionFields): ToolDefinition {
  return {
    name,
    ...(description == null ? {} : { description }),
    parameters: parameters ?? noParameters,
    ...(strict == null ? {} : { strict }),
  };
}

/** Checks a list of tools one by one. @throws PomonaError `invalid_request` that names the field. */
export function parseToolList<Tool extends { readonly name: string }>(
  value: unknown,
  path: FieldPath,
  parseTool: (tool: unknown, path: FieldPath) => Tool | readonly Tool[],
): readonly Tool[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(path, "must be a list of tools");
  if (value.length > toolsMax) throw invalid(path, `must hold at most ${toolsMax} tools, not ${value.length}`);
  const names = new Set<string>();
  return value.flatMap((item: unknown, index) => {
    const parsed = parseTool(item, [...path, index]);
    const tools: readonly Tool[] = Array.isArray(parsed) ? parsed : [parsed];
    for (const { name } of tools) {
      if (names.has(name)) throw invalid([...path, index], `has the name of another tool, ${name}`);
      names.add(name);
    }
    if (names.size > toolsMax)
      throw invalid(path, `must hold at most ${toolsMax} functions, those of namespaces included`);
    return tools;
  });
}

export function unsupportedTool(type: string, path: FieldPath, known = '"function"') {
  return invalid(
    [...path, "type"],
    `is ${JSON.stringify(type.slice(0, 100))}: this pool knows tools of the type ${known}`,
  );
}

const choiceWords = ["none", "auto", "required"] as const;

type ChoiceForm = {
  readonly path: FieldPath;
  /** All of them by default. */
  readonly words?: readonly (typeof choiceWords)[number][];
  /** @throws PomonaError for an object that names no tool. */
  readonly nameOf: (choice: object) => string;
};

/** A word, or one tool by its name. @throws PomonaError `invalid_request` that names the field. */
export function parseToolChoice(
  value: unknown,
  tools: readonly ToolDefinition[],
  { path, words = choiceWords, nameOf }: ChoiceForm,
): OutputWish["toolChoice"] {
  if (value === undefined || value === null) return "auto";
  if (typeof value === "object") {
    const name = nameOf(value);
    if (!tools.some((tool) => tool.name === name)) throw invalid(path, `names ${name}, which is none of the tools`);
    return { name };
  }
  const word = words.find((known) => known === value);
  if (word === undefined) throw invalid(path, `must be ${words.join(", ")}, or name a function`);
  if (word === "required" && tools.length === 0) throw invalid(path, "is required, but there are no tools");
  return word;
}

const allowedMax = 128;

type AllowedForm = {
  readonly path: FieldPath;
  /** The name of a tool that stands at a place of the body. @throws PomonaError for what names none. */
  readonly nameAt: (entry: unknown, path: FieldPath) => string;
};

/** Those of the tools that may be called. @throws PomonaError `invalid_request` that names the field. */
export function parseAllowedTools(
  value: unknown,
  tools: readonly ToolDefinition[],
  { path, nameAt }: AllowedForm,
): readonly string[] {
  if (!Array.isArray(value)) throw invalid(path, "must be a list of tools");
  if (value.length === 0 || value.length > allowedMax)
    throw invalid(path, `must hold 1 to ${allowedMax} tools, not ${value.length}`);
  return value.map((entry: unknown, index) => {
    const name = nameAt(entry, [...path, index]);
    if (!tools.some((tool) => tool.name === name)) throw invalid([...path, index], `is none of the tools: ${name}`);
    return name;
  });
}
