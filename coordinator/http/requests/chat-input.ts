// A conversation as the engine renders it, whatever API it came by.
import type { Chat, ChatMessage, PromptInput, ToolDefinition } from "@pomona/shared/core/generation";
import type { AnswerShape, OutputWish } from "../../core/generation-request.ts";

/** Tools that must not be called are not told. */
export function chatInput({
  messages,
  continuesLast = false,
  tools,
  output,
  templateOptions = {},
}: Pick<Chat, "continuesLast"> & {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ToolDefinition[];
  readonly output: OutputWish;
  readonly templateOptions?: NonNullable<Chat["templateOptions"]>;
}): PromptInput {
  const { effort, toolChoice } = output;
  const options = { ...(effort === null ? {} : effortOptions(effort)), ...templateOptions };
  return {
    kind: "chat",
    messages,
    ...(continuesLast ? { continuesLast } : {}),
    ...(tools.length === 0 || toolChoice === "none" ? {} : { tools }),
    ...(Object.keys(options).length === 0 ? {} : { templateOptions: options }),
  };
}

/** Each template knows one of the two. */
function effortOptions(effort: string): Readonly<Record<string, string | boolean>> {
  return effort === "none" ? { enable_thinking: false } : { enable_thinking: true, reasoning_effort: effort };
}

/**
 * The grammar only keeps a model from writing anything else; what the fields mean it has to read. Said at the beginning, so
 * that what follows is as the client wrote it.
 */
export function withShapeTold(messages: readonly ChatMessage[], shape: AnswerShape): readonly ChatMessage[] {
  if (shape.kind === "text") return messages;
  const told =
    shape.kind === "json"
      ? "Answer with a JSON object and nothing else."
      : `Answer with JSON that matches this JSON schema, and nothing else:\n${JSON.stringify(shape.schema)}`;
  const [first, ...others] = messages;
  if (first?.role === "system") return [{ ...first, content: `${first.content}\n\n${told}` }, ...others];
  return [{ role: "system", content: told }, ...messages];
}
