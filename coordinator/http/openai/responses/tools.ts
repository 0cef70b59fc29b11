// `tools` and `tool_choice`, which the Responses API writes flatter than chat completions.
import type { ToolDefinition } from "@pomona/shared/core/generation";
import { z } from "zod";
import type { OutputWish } from "../../../core/generation-request.ts";
import { type FieldPath, onlyNothing, parseAt } from "../field.ts";
import {
  functionFields,
  parseAllowedTools,
  parseToolChoice,
  parseToolList,
  toolName,
  toolOf,
  unsupportedTool,
} from "../tools.ts";

const toolSchema = z.strictObject({
  type: z.literal("function"),
  ...functionFields,
  output_schema: onlyNothing(),
  defer_loading: onlyNothing(),
  allowed_callers: onlyNothing(),
});

export type Tools = {
  readonly definitions: readonly ToolDefinition[];
  /** As the response object says them. */
  readonly shown: readonly object[];
};

/** @throws PomonaError `invalid_request` that names the field. */
export function parseTools(value: unknown): Tools {
  const shown: object[] = [];
  const definitions = parseToolList(value, ["tools"], (tool, path) => {
    const { type } = parseAt(z.looseObject({ type: z.string() }), tool, path);
    if (type !== "function") throw unsupportedTool(type, path);
    const { name, description = null, parameters = null, strict = null } = parseAt(toolSchema, tool, path);
    shown.push({ type, name, description, parameters, strict });
    return toolOf({ name, description, parameters });
  });
  return { definitions, shown };
}

const namedTool = z.strictObject({ type: z.literal("function"), name: toolName });
const allowedChoice = z.strictObject({
  type: z.literal("allowed_tools"),
  mode: z.enum(["auto", "required", "none"]).nullish(),
  tools: z.unknown().optional(),
});

export type ToolChoice = Pick<OutputWish, "toolChoice" | "allowedTools"> & {
  /** As the response object says it. */
  readonly shown: unknown;
};

/** @throws PomonaError `invalid_request` that names the field. */
export function parseChoice(value: unknown, { definitions }: Tools): ToolChoice {
  const path: FieldPath = ["tool_choice"];
  if (typeof value === "object" && value !== null && "type" in value && value.type === "allowed_tools") {
    const { mode, tools } = parseAt(allowedChoice, value, path);
    const nameAt = (entry: unknown, at: FieldPath): string => parseAt(namedTool, entry, at).name;
    const allowedTools = parseAllowedTools(tools, definitions, { path: [...path, "tools"], nameAt });
    const shown = { type: "allowed_tools", mode: mode ?? "auto", tools: allowedTools.map(namedChoice) };
    return { toolChoice: mode ?? "auto", allowedTools, shown };
  }
  const toolChoice = parseToolChoice(value, definitions, {
    path,
    nameOf: (choice) => parseAt(namedTool, choice, path).name,
  });
  return { toolChoice, shown: typeof toolChoice === "object" ? namedChoice(toolChoice.name) : toolChoice };
}

function namedChoice(name: string): object {
  return { type: "function", name };
}
