// Lists of tools, and which of them is to be called, as far as the APIs have that in common.
import type { ToolDefinition } from "@pomona/shared/core/generation";
import { z } from "zod";
import type { OutputWish } from "../../core/generation-request.ts";
import { type FieldPath, invalid } from "./field.ts";

export const toolsMax = 512;

export const toolName = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,128}$/, { error: "must be 1 to 128 letters, digits, dots, dashes and underscores" });

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
