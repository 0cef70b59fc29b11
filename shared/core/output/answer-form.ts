// What is known of an answer before it begins: how the model writes its parts, and what it thinks.
import { thoughtTags } from "./formats/thought-reader.ts";
import { detectOutputFormat, type OutputFormat, plainFormat } from "./output-parser.ts";

/**
 * Whether a model writes down thoughts, and what a request may say about it: nothing, whether it does
 * (`enable_thinking` in its template), or how much (`reasoning_effort` in its template).
 */
export type Thinking = "never" | "always" | "switched" | "graded";

export const thinkings: readonly Thinking[] = ["never", "always", "switched", "graded"];

/** The names that templates have for it: DeepSeek V3.1 and Granite `thinking`, Seed-OSS `thinking_budget`. */
const thinkingSwitches: readonly RegExp[] = [
  /\benable_thinking\b|\bthinking_budget\b/,
  /\{%[^%]*?\b(?:if|elif|and|or|not) thinking\b(?! in\b)/,
  /\{%[^%]*?[^.\w]thinking is (?:not )?defined\b/,
];

/** The form of the answer to one prompt. */
export type AnswerForm = {
  readonly format: OutputFormat;
  /** The prompt has opened a block of thoughts that the answer goes on with. */
  readonly startsInReasoning: boolean;
  /** The prompt has begun the text of the answer, thoughts are over; false where it is absent. */
  readonly startsInText?: boolean;
  readonly thinking: Thinking;
};

/** Of a prompt that no template made: all of its answer is text. */
export const plainForm: AnswerForm = { format: plainFormat, startsInReasoning: false, thinking: "never" };

/** `prompt` is what the template (Jinja; null for none) made of a conversation. */
export function detectAnswerForm(template: string | null, prompt: string): AnswerForm {
  const format = detectOutputFormat(template);
  const tags = format.thoughts === "none" ? null : thoughtTags[format.thoughts];
  const startsInReasoning = tags !== null && prompt.trimEnd().endsWith(tags[0]);
  return { format, startsInReasoning, thinking: detectThinking(template, format) };
}

function detectThinking(template: string | null, { calls, thoughts }: OutputFormat): Thinking {
  if (template?.includes("reasoning_effort") === true) return "graded";
  if (template !== null && thinkingSwitches.some((name) => name.test(template))) return "switched";
  return thoughts !== "none" || calls === "harmony" ? "always" : "never";
}
