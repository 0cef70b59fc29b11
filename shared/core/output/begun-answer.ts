// The beginning of an answer that a conversation gives its model, told apart into thoughts and text.
import type { ChatMessage } from "../generation.ts";
import { type ThoughtTags, thoughtTags } from "./formats/thought-reader.ts";

export type BegunAnswer = {
  /** Empty for none. */
  readonly thoughts: string;
  /** Whether the thoughts go on: there is no text then. */
  readonly isThinking: boolean;
  /** Behind the thoughts. */
  readonly text: string;
};

/**
 * What a message of the assistant has begun. Thoughts that a model writes in tags may stand in them at the beginning of its
 * content too: so their end can be left open.
 */
export function readBeginning(
  { content, reasoning = "" }: Pick<ChatMessage, "content" | "reasoning">,
  tags: ThoughtTags | null,
): BegunAnswer {
  const [open, close] = tags === null ? ["", ""] : thoughtTags[tags];
  const begun = content.trimStart();
  if (open === "" || reasoning !== "" || !begun.startsWith(open))
    return { thoughts: reasoning, isThinking: false, text: content };
  const thought = begun.slice(open.length);
  const end = thought.indexOf(close);
  if (end < 0) return { thoughts: thought, isThinking: true, text: "" };
  return { thoughts: thought.slice(0, end), isThinking: false, text: thought.slice(end + close.length).trimStart() };
}
