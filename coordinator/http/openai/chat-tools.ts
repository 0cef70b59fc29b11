// What chat completions may call: `tools` with `tool_choice`, or `functions` with `function_call`, as they were called before.
import type { ToolDefinition } from "@pomona/shared/core/generation";
import { z } from "zod";
import type { OutputWish } from "../../core/generation-request.ts";
import { cacheControl } from "../anthropic/cache-control.ts";
import { type FieldPath, invalid, parseAt, typeAt } from "../requests/field.ts";
import { parseToolChoice, parseToolList, toolName } from "../requests/tools.ts";
import { functionFields, parseAllowedTools, toolOf, unsupportedTool } from "./functions.ts";

type CallFields = {
  readonly tools?: unknown;
  readonly tool_choice?: unknown;
  readonly parallel_tool_calls?: boolean | null | undefined;
  readonly functions?: unknown;
  readonly function_call?: unknown;
};

export type Calling = {
  readonly tools: readonly ToolDefinition[];
  readonly wish: Pick<OutputWish, "toolChoice" | "allowedTools" | "parametersField" | "isOneCall">;
  /** Whether the client sent functions, and reads no other calls. */
  readonly callsAreFunctions: boolean;
};

/** @throws PomonaError `invalid_request` that names the field. */
export function parseCalling(fields: CallFields): Calling {
  const functions = parseToolList(fields.functions, ["functions"], parseFunction);
  const tools = parseChatTools(fields.tools);
  if (functions.length > 0 && tools.length > 0)
    throw invalid(["functions"], "is what tools were called before: send one of the two");
  const toolChoice = parseToolChoice(fields.function_call, functions, { path: ["function_call"], words, nameOf });
  if (functions.length > 0) {
    // There is room for one call in an answer.
    const wish = { toolChoice, parametersField: "functions[].parameters", isOneCall: true };
    return { tools: functions, wish, callsAreFunctions: true };
  }
  const isOneCall = fields.parallel_tool_calls === false;
  return { tools, wish: { ...parseChoice(fields.tool_choice, tools), isOneCall }, callsAreFunctions: false };
}

/** `tools` of chat completions. @throws PomonaError `invalid_request` that names the field. */
export function parseChatTools(value: unknown): readonly ToolDefinition[] {
  return parseToolList(value, ["tools"], parseTool);
}

/** What agno writes beside a function for its own use, to OpenAI's API as well. */
const notesOfAgno = {
  requires_confirmation: z.boolean().nullish(),
  external_execution: z.boolean().nullish(),
  approval_type: z.string().max(100).nullish(),
};

const toolSchema = z.strictObject({
  type: z.literal("function"),
  function: z.strictObject({ ...functionFields, ...notesOfAgno }),
  // Agents that speak to several APIs say here, too, where to cache.
  cache_control: cacheControl,
});

function parseTool(tool: unknown, path: FieldPath): ToolDefinition {
  const type = typeAt(tool, path);
  if (type !== "function") throw unsupportedTool(type, path);
  const { strict, ...described } = parseAt(toolSchema, tool, path).function;
  return toolOf({ ...described, strict: strict === true ? "always" : null });
}

const { strict: _, ...olderFields } = functionFields;
const functionSchema = z.strictObject(olderFields);

function parseFunction(value: unknown, path: FieldPath): ToolDefinition {
  return toolOf(parseAt(functionSchema, value, path));
}

const words = ["none", "auto"] as const;
const namedFunction = z.strictObject({ name: toolName });

function nameOf(choice: object): string {
  return parseAt(namedFunction, choice, ["function_call"]).name;
}

const namedTool = z.strictObject({ type: z.literal("function"), function: namedFunction });
/** A tool may be named by all of its definition. */
const allowedTool = z.strictObject({ type: z.literal("function"), function: z.looseObject({ name: toolName }) });
const allowedChoice = z.strictObject({
  type: z.literal("allowed_tools"),
  allowed_tools: z.strictObject({ mode: z.enum(["auto", "required"]), tools: z.unknown().optional() }),
});

function parseChoice(value: unknown, tools: readonly ToolDefinition[]): Omit<Calling["wish"], "isOneCall"> {
  const path: FieldPath = ["tool_choice"];
  if (typeof value === "object" && value !== null && "type" in value && value.type === "allowed_tools") {
    const { mode, tools: allowed } = parseAt(allowedChoice, value, path).allowed_tools;
    const nameAt = (entry: unknown, at: FieldPath): string => parseAt(allowedTool, entry, at).function.name;
    const allowedTools = parseAllowedTools(allowed, tools, { path: [...path, "allowed_tools", "tools"], nameAt });
    return { toolChoice: mode, allowedTools };
  }
  const toolChoice = parseToolChoice(value, tools, {
    path,
    nameOf: (choice) => parseAt(namedTool, choice, path).function.name,
  });
  return { toolChoice };
}
