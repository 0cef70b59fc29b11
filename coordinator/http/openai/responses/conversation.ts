// A list of items as the messages that a chat template knows: what the model wrote in one go is one message.
import type { ChatMessage, ToolCall } from "@pomona/shared/core/generation";
import { contentText, type Item, type ReasoningItem } from "./item.ts";
import { joinedName } from "./namespaces.ts";

/** `instructions` stand before everything else. */
export function conversationOf(instructions: string | null, items: readonly Item[]): readonly ChatMessage[] {
  const messages = new Messages();
  if (instructions !== null) messages.say({ role: "system", content: instructions });
  for (const item of items) messages.add(item);
  return messages.finish();
}

/** A message of the assistant that is not whole yet. */
type Turn = { reasoning: string; content: string | null; readonly toolCalls: ToolCall[] };

class Messages {
  readonly #messages: ChatMessage[] = [];
  #turn: Turn | null = null;

  add(item: Item): void {
    switch (item.type) {
      case "reasoning":
        this.#turnBefore("content").reasoning += thoughtsOf(item);
        break;
      case "function_call":
        this.#turnBefore("end").toolCalls.push({ id: item.call_id, name: joinedName(item), arguments: item.arguments });
        break;
      case "function_call_output": {
        const content = typeof item.output === "string" ? item.output : contentText(item.output);
        this.say({ role: "tool", content, toolCallId: item.call_id });
        break;
      }
      case "message":
        if (item.role === "assistant") this.#turnBefore("content").content = contentText(item.content);
        // Models are trained with one role for both.
        else this.say({ role: item.role === "user" ? "user" : "system", content: contentText(item.content) });
    }
  }

  say(message: ChatMessage): void {
    this.#endTurn();
    const [first] = this.#messages;
    // Many templates know one message of the system, at the beginning.
    if (message.role === "system" && first?.role === "system" && this.#messages.length === 1)
      this.#messages[0] = { ...first, content: `${first.content}\n\n${message.content}` };
    else this.#messages.push(message);
  }

  finish(): readonly ChatMessage[] {
    this.#endTurn();
    return this.#messages;
  }

  /** The turn that goes on, or a new one where its content, or even a call, is already there. */
  #turnBefore(part: "content" | "end"): Turn {
    const turn = this.#turn;
    if (turn !== null && part === "content" && (turn.content !== null || turn.toolCalls.length > 0)) this.#endTurn();
    this.#turn ??= { reasoning: "", content: null, toolCalls: [] };
    return this.#turn;
  }

  #endTurn(): void {
    const turn = this.#turn;
    this.#turn = null;
    if (turn === null) return;
    const { reasoning, content, toolCalls } = turn;
    this.#messages.push({
      role: "assistant",
      content: content ?? "",
      ...(reasoning === "" ? {} : { reasoning }),
      ...(toolCalls.length === 0 ? {} : { toolCalls }),
    });
  }
}

function thoughtsOf({ content, summary }: ReasoningItem): string {
  return (content.length > 0 ? content : summary).map(({ text }) => text).join("\n\n");
}
