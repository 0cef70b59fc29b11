// How much a model is to think, as the Messages API names it, in the terms of models' templates.
import type { Chat } from "@pomona/shared/core/generation";
import { z } from "zod";
import type { OutputWish } from "../../core/generation-request.ts";
import { type FieldPath, invalid, parseAt } from "../requests/field.ts";

export const efforts = ["low", "medium", "high", "xhigh", "max"] as const;
type Effort = (typeof efforts)[number];

const budgetMin = 1024;

/** Updates are told between thoughts that are not shown; nobody here writes any. */
const display = z.enum(["summarized", "omitted", "updates"]).nullish();
/** No thought that comes back is held against its conversation, so that none fails. */
const binding = z.strictObject({ prefix_mismatch_behavior: z.enum(["error", "drop_block"]).nullish() }).nullish();

const schemas = {
  enabled: z.strictObject({
    type: z.literal("enabled"),
    budget_tokens: z.number().int().min(budgetMin),
    display,
    block_binding: binding,
  }),
  disabled: z.strictObject({ type: z.literal("disabled") }),
  adaptive: z.strictObject({ type: z.literal("adaptive"), display, block_binding: binding }),
};
const thinkingType = z.looseObject({ type: z.enum(["enabled", "disabled", "adaptive"]) });

export type ThinkingWish = {
  readonly thinking: Pick<OutputWish, "thinking">;
  readonly templateOptions: NonNullable<Chat["templateOptions"]>;
  readonly isShown: boolean;
};

export type ThinkingFields = {
  readonly thinking?: unknown;
  readonly effort: Effort | null;
  /** null where nothing is to be generated. */
  readonly maxTokens: number | null;
};

/** Without a word of it the API does not think: models that can leave it, do. @throws PomonaError that names the field. */
export function parseThinking({ thinking, effort, maxTokens }: ThinkingFields): ThinkingWish {
  const path: FieldPath = ["thinking"];
  const graded = effort === null ? {} : { reasoning_effort: templateEffort(effort) };
  const off = { templateOptions: { enable_thinking: false, ...graded }, isShown: true };
  if (thinking === undefined || thinking === null) return { ...off, thinking: {} };
  const { type } = parseAt(thinkingType, thinking, path);
  if (type === "disabled") {
    parseAt(schemas.disabled, thinking, path);
    return { ...off, thinking: { thinking: { isOn: false, field: "thinking" } } };
  }
  const on = { enable_thinking: true, ...graded };
  if (type === "adaptive") {
    const { display: shown } = parseAt(schemas.adaptive, thinking, path);
    return { thinking: {}, templateOptions: on, isShown: isShownAs(shown) };
  }
  const { budget_tokens: budget, display: shown } = parseAt(schemas.enabled, thinking, path);
  if (maxTokens !== null && budget >= maxTokens)
    throw invalid([...path, "budget_tokens"], `must be less than max_tokens, ${maxTokens}`);
  const templateOptions = { reasoning_effort: effortOfBudget(budget), ...on };
  return { thinking: { thinking: { isOn: true, field: "thinking" } }, templateOptions, isShown: isShownAs(shown) };
}

function isShownAs(shown: z.output<typeof display>): boolean {
  return shown !== "omitted" && shown !== "updates";
}

/** Templates know three words. */
function templateEffort(effort: Effort): string {
  return effort === "xhigh" || effort === "max" ? "high" : effort;
}

/** No engine counts thoughts: for models that grade them a budget is a word. */
function effortOfBudget(tokens: number): string {
  if (tokens < 4096) return "low";
  return tokens < 16_384 ? "medium" : "high";
}
