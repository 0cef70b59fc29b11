// Messages of /api/chat. Calls need no ids there: an answer names its tool, or comes in the order of the calls. Clients may
// leave the calls out that were answered.
import type { ChatMessage, ToolCall } from "@pomona/shared/core/generation";
import { z } from "zod";
import { type FieldPath, invalid, jsonObject, parseAt, text } from "../requests/field.ts";

const messagesMax = 4096;
const callsMax = 256;

const messageSchema = z.strictObject({
  role: z
    .string()
    .toLowerCase()
    .pipe(z.enum(["system", "user", "assistant", "tool"])),
  content: text.nullish(),
  thinking: text.nullish(),
  images: z.unknown().optional(),
  tool_calls: z.unknown().optional(),
  tool_name: z.string().max(256).nullish(),
  /** Its older name. */
  name: z.string().max(256).nullish(),
  tool_call_id: z.string().max(256).nullish(),
});

const callSchema = z.strictObject({
  // Open WebUI says here what Ollama says in the function.
  index: z.number().int().nullish(),
  id: z.string().max(256).nullish(),
  type: z.literal("function").nullish(),
  function: z.strictObject({
    index: z.number().int().nullish(),
    name: z.string().min(1).max(256),
    arguments: jsonObject.nullish(),
  }),
});

type Message = z.output<typeof messageSchema>;

/** Never called with an empty list: that asks for the model alone. @throws PomonaError that names the field. */
export function parseConversation(messages: readonly unknown[], model: string): readonly ChatMessage[] {
  if (messages.length > messagesMax)
    throw invalid(["messages"], `must hold at most ${messagesMax} messages, not ${messages.length}`);
  const calls = new CallsSoFar();
  return messages.map((message, index) => parseMessage(message, ["messages", index], { model, calls }));
}

type Reading = { readonly model: string; readonly calls: CallsSoFar };

function parseMessage(value: unknown, path: FieldPath, { model, calls }: Reading): ChatMessage {
  const message = parseAt(messageSchema, value, path);
  checkImages(message.images, [...path, "images"], model);
  const toolCalls = parseCalls(message.tool_calls, [...path, "tool_calls"], calls);
  const isAssistant = message.role === "assistant";
  if (toolCalls.length > 0 && !isAssistant)
    throw invalid([...path, "tool_calls"], "belongs to messages of the role assistant only");
  if (message.thinking != null && message.thinking !== "" && !isAssistant)
    throw invalid([...path, "thinking"], "belongs to messages of the role assistant only");
  if (message.role !== "tool") calls.mayLackCalls = isAssistant && toolCalls.length === 0;
  // Answers come back as they were sent.
  const mayBeMissing = isAssistant && (toolCalls.length > 0 || message.thinking != null);
  if (message.content == null && !mayBeMissing) throw invalid([...path, "content"], "is missing");
  return {
    role: message.role,
    content: message.content ?? "",
    ...(message.thinking == null || message.thinking === "" ? {} : { reasoning: message.thinking }),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
    ...answeredBy(message, path, calls),
  };
}

/** Nothing here looks at pictures. */
export function checkImages(images: unknown, path: FieldPath, model: string): void {
  const isNone = images === undefined || images === null || (Array.isArray(images) && images.length === 0);
  if (!isNone) throw invalid(path, `is not supported: model ${model.slice(0, 100)} takes text alone, no images`);
}

function parseCalls(value: unknown, path: FieldPath, calls: CallsSoFar): readonly ToolCall[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(path, "must be a list of calls");
  if (value.length > callsMax) throw invalid(path, `must hold at most ${callsMax} calls, not ${value.length}`);
  return value.map((item: unknown, index) => {
    const { id, function: called } = parseAt(callSchema, item, [...path, index]);
    const named = calls.add(id ?? "", called.name);
    return { id: named, name: called.name, arguments: JSON.stringify(called.arguments ?? {}) };
  });
}

function answeredBy(message: Message, path: FieldPath, calls: CallsSoFar): Partial<ChatMessage> {
  const id = message.tool_call_id ?? "";
  const name = message.tool_name ?? message.name ?? "";
  const nameField = message.tool_name == null ? "name" : "tool_name";
  if (message.role !== "tool") {
    if (id !== "") throw invalid([...path, "tool_call_id"], "belongs to messages of the role tool only");
    if (name !== "") throw invalid([...path, nameField], "belongs to messages of the role tool only");
    return {};
  }
  const called = calls.answer({ id, name });
  if (called !== null) return { toolCallId: called.id, ...(called.name === "" ? {} : { name: called.name }) };
  const field = id !== "" ? ["tool_call_id"] : name !== "" ? [nameField] : [];
  throw invalid([...path, ...field], "answers no call of an earlier message of the assistant");
}

type Called = { readonly id: string; readonly name: string };

/** In order of their coming, from the first that may not be answered yet. */
type Open = { readonly calls: Called[]; next: number };

/** Finds the call that a tool's message answers, without ever going over the same one twice. */
class CallsSoFar {
  readonly #byId = new Map<string, Called>();
  readonly #byName = new Map<string, Open>();
  readonly #all: Open = { calls: [], next: 0 };
  readonly #answered = new Set<Called>();
  /** Whether the last message of the assistant came without its calls, as some clients send it back. */
  mayLackCalls = false;

  /** The id, or one that fits the templates of all models: nine letters and digits. */
  add(id: string, name: string): string {
    const own = id === "" ? `call${String(this.#all.calls.length).padStart(5, "0")}` : id;
    const called = { id: own, name };
    this.#byId.set(own, called);
    this.#all.calls.push(called);
    const sameName = this.#byName.get(name) ?? { calls: [], next: 0 };
    sameName.calls.push(called);
    this.#byName.set(name, sameName);
    return own;
  }

  answer({ id, name }: Called): Called | null {
    if (this.mayLackCalls) return { id: this.add(id, name), name };
    const open = name === "" ? this.#all : this.#byName.get(name);
    const found = id !== "" ? this.#byId.get(id) : open === undefined ? undefined : this.#firstOpen(open);
    if (found === undefined) return null;
    this.#answered.add(found);
    return found;
  }

  #firstOpen(open: Open): Called | undefined {
    for (;;) {
      const called = open.calls[open.next];
      if (called === undefined || !this.#answered.has(called)) return called;
      open.next += 1;
    }
  }
}
