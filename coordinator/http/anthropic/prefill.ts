// The last message of a conversation where the assistant says it: the answer goes on from its end.
import type { AnswerShape } from "../../core/generation-request.ts";
import { type FieldPath, invalid } from "../requests/field.ts";

type PrefillWish = { readonly isThinking: boolean; readonly shape: AnswerShape };

/**
 * What the API refuses of it, in its words, which clients know: issues 1853, 1872 and 2107 of tailcallhq/forgecode, 11978 of
 * anthropics/claude-code, and the limits of structured outputs in its documents. `messages` have been looked at otherwise.
 * @throws PomonaError `invalid_request` that names the field.
 */
export function checkPrefill(messages: unknown, { isThinking, shape }: PrefillWish): void {
  const all: readonly unknown[] = Array.isArray(messages) ? messages : [];
  const path: FieldPath = ["messages", all.length - 1, "content"];
  const blocks = blocksOf(all.at(-1));
  const thought = blocks.findIndex(isThought);
  if (blocks.length === 0) return;
  if (shape.kind === "schema")
    throw invalid(
      [shape.field],
      "cannot be honoured: message prefilling is incompatible with JSON outputs, end messages with one of the user",
    );
  if (isThinking && thought !== 0)
    throw invalid(
      [...path, 0, "type"],
      "is text: Expected `thinking` or `redacted_thinking`, but found `text`. When `thinking` is enabled, a final `assistant` message must start with a thinking block. To avoid this requirement, disable `thinking`.",
    );
  if (!isThinking && thought >= 0)
    throw invalid(
      [...path, thought],
      "is a thought: When thinking is disabled, an `assistant` message in the final position cannot contain `thinking`. To use thinking blocks, enable `thinking` in your request.",
    );
  const last = blocks.at(-1);
  if (last !== undefined && isThought(last))
    throw invalid(
      [...path, blocks.length - 1],
      "is a thought: The final block in an assistant message cannot be `thinking`.",
    );
  if (/\s$/.test(last?.text ?? ""))
    throw invalid(path, "ends with space: final assistant content cannot end with trailing whitespace");
}

type Block = { readonly type?: unknown; readonly text?: string };

function blocksOf(message: unknown): readonly Block[] {
  const content: unknown = typeof message === "object" && message !== null ? Reflect.get(message, "content") : null;
  if (Array.isArray(content)) return content;
  return typeof content === "string" && content !== "" ? [{ type: "text", text: content }] : [];
}

function isThought({ type }: Block): boolean {
  return type === "thinking" || type === "redacted_thinking";
}
