// `tools` and `tool_choice`, which the Responses API writes flatter than chat completions.
import type { ToolDefinition } from "@pomona/shared/core/generation";
import { z } from "zod";
import type { OutputWish } from "../../../core/generation-request.ts";
import { type FieldPath, invalid, onlyNothing, parseAt, text, typeAt } from "../../requests/field.ts";
import { parseToolChoice, parseToolList, toolName } from "../../requests/tools.ts";
import { functionFields, parseAllowedTools, toolOf, unsupportedTool } from "../functions.ts";
import { joinedName, type NamespacedName, type NamespacedNames, withNamespaceTold } from "./namespaces.ts";

const toolSchema = z.strictObject({
  type: z.literal("function"),
  ...functionFields,
  output_schema: onlyNothing(),
  defer_loading: onlyNothing(),
  allowed_callers: onlyNothing(),
});

const namespaceSchema = z.strictObject({
  type: z.literal("namespace"),
  name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, { error: "must be 1 to 64 letters, digits, dashes and underscores" }),
  description: text,
  tools: z.unknown().optional(),
});

export type Tools = {
  /** By the names that the model knows. */
  readonly definitions: readonly ToolDefinition[];
  readonly namespaced: NamespacedNames;
  /** As the response object says them. */
  readonly shown: readonly object[];
};

/** @throws PomonaError `invalid_request` that names the field. */
export function parseTools(value: unknown): Tools {
  const shown: object[] = [];
  const namespaced = new Map<string, NamespacedName>();
  const definitions = parseToolList(value, ["tools"], (tool, path) => {
    const type = typeAt(tool, path);
    if (type !== "function" && type !== "namespace") throw unsupportedTool(type, path, '"function" and "namespace"');
    return type === "function" ? parseFunction(tool, path, shown) : parseNamespace(tool, path, { shown, namespaced });
  });
  return { definitions, namespaced, shown };
}

function parseFunction(tool: unknown, path: FieldPath, shown: object[]): ToolDefinition {
  const { type, name, description = null, parameters = null, strict = null } = parseAt(toolSchema, tool, path);
  shown.push({ type, name, description, parameters, strict });
  // The API's tools are strict unless they say otherwise: those whose schema can be enforced.
  const strictness = strict === null ? "where-possible" : strict ? "always" : null;
  return toolOf({ name, description, parameters, strict: strictness });
}

type Namespaces = { readonly shown: object[]; readonly namespaced: Map<string, NamespacedName> };

function parseNamespace(tool: unknown, path: FieldPath, { shown, namespaced }: Namespaces): readonly ToolDefinition[] {
  const { type, name: namespace, description: told, tools } = parseAt(namespaceSchema, tool, path);
  const functions: object[] = [];
  const definitions = parseToolList(tools, [...path, "tools"], (inner, innerPath) => {
    const innerType = typeAt(inner, innerPath);
    if (innerType !== "function") throw unsupportedTool(innerType, innerPath);
    return parseFunction(inner, innerPath, functions);
  });
  if (definitions.length === 0) throw invalid([...path, "tools"], "must hold at least one tool");
  shown.push({ type, name: namespace, description: told, tools: functions });
  return definitions.map((definition, index) => {
    const { name, description = "" } = definition;
    const joined = joinedName({ namespace, name });
    namespaced.set(joined, { namespace, name });
    if (index > 0) return { ...definition, name: joined };
    return { ...definition, name: joined, description: withNamespaceTold(description, namespace, told) };
  });
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
