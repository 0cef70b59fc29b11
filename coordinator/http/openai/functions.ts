// Functions, as chat completions and responses describe them and choose among them.
import type { ToolDefinition } from "@pomona/shared/core/generation";
import { z } from "zod";
import { type FieldPath, invalid, jsonObject, text } from "../requests/field.ts";
import { toolName } from "../requests/tools.ts";

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

export function unsupportedTool(type: string, path: FieldPath, known = '"function"') {
  return invalid(
    [...path, "type"],
    `is ${JSON.stringify(type.slice(0, 100))}: this pool knows tools of the type ${known}`,
  );
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
