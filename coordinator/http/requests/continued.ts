// Conversations that end with the beginning of their answer.
import type { Chat, ChatMessage } from "@pomona/shared/core/generation";

/** Whether the assistant has said something at the end, or thought it, and waits for no tool. */
function endsInAnswer(messages: readonly ChatMessage[]): boolean {
  const last = messages.at(-1);
  return last?.role === "assistant" && last.toolCalls === undefined && !isEmpty(last);
}

/** A conversation that its answer goes on from where it ends in one. An empty message at its end begins nothing. */
export function continued(messages: readonly ChatMessage[]): Pick<Chat, "messages" | "continuesLast"> {
  const last = messages.at(-1);
  const isNothing = last?.role === "assistant" && last.toolCalls === undefined && isEmpty(last) && messages.length > 1;
  if (isNothing) return { messages: messages.slice(0, -1) };
  return { messages, continuesLast: endsInAnswer(messages) };
}

function isEmpty({ content, reasoning }: ChatMessage): boolean {
  return content === "" && reasoning === undefined;
}
