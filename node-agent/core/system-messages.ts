// What the system says, for templates that do not take it where it stands.
import type { Chat, ChatMessage } from "@pomona/shared/core/generation";

/** What the system says later said by the user, after what that says already; the same where there is nothing of it. */
export function laterSystemAsUser(chat: Chat): Chat {
  const first = chat.messages.findIndex(({ role }) => role !== "system");
  if (first < 0 || chat.messages.slice(first).every(({ role }) => role !== "system")) return chat;
  const messages: ChatMessage[] = [];
  let hasBegun = false;
  for (const message of chat.messages) {
    hasBegun ||= message.role !== "system";
    const last = messages.at(-1);
    if (!hasBegun || message.role !== "system") messages.push(message);
    else if (last?.role !== "user") messages.push({ role: "user", content: message.content });
    else messages[messages.length - 1] = { ...last, content: `${last.content}\n\n${message.content}` };
  }
  return { ...chat, messages };
}

/** All that the system says before what the user says first; the same where there is nothing of both. */
export function withoutSystem(chat: Chat): Chat {
  const system = chat.messages.filter(({ role }) => role === "system");
  const others = chat.messages.filter(({ role }) => role !== "system");
  const first = others.findIndex(({ role }) => role === "user");
  if (system.length === 0 || first < 0) return chat;
  const prefix = system.map(({ content }) => content).join("\n\n");
  const messages = others.map((message, index) =>
    index === first ? { ...message, content: `${prefix}\n\n${message.content}` } : message,
  );
  return { ...chat, messages };
}
