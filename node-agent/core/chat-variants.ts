// The same conversation in other forms, for templates that cannot render it as it is: each says what a template may lack.
import type { Chat, ChatMessage, ToolCall, ToolDefinition } from "@pomona/shared/core/generation";
import { textHash } from "@pomona/shared/core/text-hash";
import { laterSystemAsUser, withoutSystem } from "./system-messages.ts";

/** What a template's text shows of what it knows. */
export type TemplateKnowledge = {
  /** Tools, and the messages in which they answer. */
  readonly tools: boolean;
  /** Calls in an assistant's message. */
  readonly calls: boolean;
  /** More than one of them. */
  readonly severalCalls: boolean;
};

/**
 * The conversation as the template should know it, and then the forms to try where it refuses or leaves out a message. Each is
 * made when it is asked for: most templates take the first.
 */
export function* chatVariants(chat: Chat, knowledge: TemplateKnowledge): Generator<Chat, void, void> {
  const seen = new Set<Chat>();
  for (const variant of variantsOf(chat, knowledge)) {
    if (!seen.has(variant)) yield variant;
    seen.add(variant);
  }
}

function* variantsOf(chat: Chat, { tools, calls, severalCalls }: TemplateKnowledge): Generator<Chat, void, void> {
  const called = severalCalls ? chat : withOneCallEach(chat);
  const told = tools ? (calls ? called : withCallsInWords(called)) : withToolsInWords(called);
  yield told;
  const single = withOneCallEach(told);
  yield single;
  const led = withOneSystem(single);
  const systemFirst = new Set([led, withTurnsJoined(led)]);
  yield* systemFirst;
  for (const variant of systemFirst) yield withoutSystem(variant);
  const inWords = withTurnsJoined(withOneSystem(withToolsInWords(chat)));
  if (!systemFirst.has(inWords)) yield* [inWords, withoutSystem(inWords)];
}

/** For templates that know one message of the system, the first: those after it join it, and later ones are the user's. */
function withOneSystem(chat: Chat): Chat {
  const later = laterSystemAsUser(chat);
  const first = later.messages.findIndex(({ role }) => role !== "system");
  const count = first < 0 ? later.messages.length : first;
  if (count < 2) return later;
  const content = joinTexts(later.messages.slice(0, count).map((message) => message.content));
  return { ...later, messages: [{ role: "system", content }, ...later.messages.slice(count)] };
}

/** Llama 3 makes one call at a time: of several, each stands before its result. */
function withOneCallEach(chat: Chat): Chat {
  if (!chat.messages.some(({ toolCalls = [] }) => toolCalls.length > 1)) return chat;
  const messages: ChatMessage[] = [];
  const later = new Map<string, ChatMessage>();
  const takeLater = (ids: Iterable<string>): void => {
    for (const id of [...ids]) {
      const call = later.get(id);
      if (call !== undefined) messages.push(call);
      later.delete(id);
    }
  };
  for (const message of chat.messages) {
    const { toolCalls: [first, ...others] = [], ...rest } = message;
    // What has no result stands before what follows the results.
    takeLater(message.role === "tool" ? [message.toolCallId ?? ""] : later.keys());
    messages.push(first === undefined ? message : { ...rest, toolCalls: [first] });
    for (const other of others) later.set(other.id, { role: "assistant", content: "", toolCalls: [other] });
  }
  takeLater(later.keys());
  return { ...chat, messages };
}

/**
 * For templates that want users and assistants by turns, the user first: neighbours become one message, empty answers go,
 * and before a greeting stands an empty question.
 */
function withTurnsJoined(chat: Chat): Chat {
  const messages: ChatMessage[] = [];
  for (const message of chat.messages) {
    const { role, content, toolCalls = [] } = message;
    if (role === "assistant" && content === "" && toolCalls.length === 0) continue;
    const last = messages.at(-1);
    if (role === "assistant" && (last === undefined || last.role === "system"))
      messages.push({ role: "user", content: "" });
    if (last === undefined || last.role !== role || role === "tool") messages.push(message);
    else messages[messages.length - 1] = joined(last, message);
  }
  const isSame = messages.length === chat.messages.length && messages.every((one, at) => one === chat.messages[at]);
  return isSame ? chat : { ...chat, messages };
}

function joined(first: ChatMessage, second: ChatMessage): ChatMessage {
  const calls = [...(first.toolCalls ?? []), ...(second.toolCalls ?? [])];
  const thoughts = [first.reasoning, second.reasoning].filter((text) => text !== undefined);
  return {
    ...first,
    content: joinTexts([first.content, second.content]),
    ...(calls.length === 0 ? {} : { toolCalls: calls }),
    ...(thoughts.length === 0 ? {} : { reasoning: joinTexts(thoughts) }),
  };
}

function joinTexts(texts: readonly string[]): string {
  return texts.filter((text) => text !== "").join("\n\n");
}

/** The tools, the calls and the results are told in words, in a form that the generic parser reads. */
function withToolsInWords(chat: Chat): Chat {
  if (chat.tools === undefined && chat.messages.every(({ role, toolCalls }) => role !== "tool" && !toolCalls))
    return chat;
  const { tools = [], ...rest } = withCallsInWords(chat);
  const names = new Map(chat.messages.flatMap(({ toolCalls = [] }) => toolCalls.map(({ id, name }) => [id, name])));
  const messages = rest.messages.map((message): ChatMessage => {
    if (message.role !== "tool") return message;
    const name = message.name ?? names.get(message.toolCallId ?? "");
    return { role: "user", content: `Result of the tool${name === undefined ? "" : ` ${name}`}:\n${message.content}` };
  });
  return { ...rest, messages: tools.length === 0 ? messages : [toolPrompt(tools), ...messages] };
}

function withCallsInWords(chat: Chat): Chat {
  const messages = chat.messages.map((message): ChatMessage => {
    const { toolCalls = [], ...rest } = message;
    return toolCalls.length === 0
      ? message
      : { ...rest, content: joinTexts([rest.content, ...toolCalls.map(inWords)]) };
  });
  return { ...chat, messages };
}

/** As `toolPrompt` asks for it. */
function inWords({ name, arguments: values }: ToolCall): string {
  return `{"name": ${JSON.stringify(name)}, "arguments": ${values.trim() === "" ? "{}" : values}}`;
}

function toolPrompt(tools: readonly ToolDefinition[]): ChatMessage {
  const list = tools.map(({ name, description = "", parameters }) => JSON.stringify({ name, description, parameters }));
  const content = `You may call a tool. To call one, answer with nothing but JSON of this form:
{"name": "<name of the tool>", "arguments": {<its arguments>}}
The tools, with JSON schemas of their arguments:
${list.join("\n")}`;
  return { role: "system", content };
}

/**
 * Mistral's templates refuse ids of calls but those of nine letters and digits (mistral-common, since version 3 of the
 * tokenizer): others become such ones, always the same.
 */
export function withShortIds(chat: Chat): Chat {
  const messages = chat.messages.map((message): ChatMessage => {
    const { toolCalls, toolCallId } = message;
    return {
      ...message,
      ...(toolCalls === undefined ? {} : { toolCalls: toolCalls.map((call) => ({ ...call, id: shortId(call.id) })) }),
      ...(toolCallId === undefined ? {} : { toolCallId: shortId(toolCallId) }),
    };
  });
  return { ...chat, messages };
}

function shortId(id: string): string {
  if (/^[a-zA-Z0-9]{9}$/.test(id)) return id;
  return textHash(id).toString(36).padStart(9, "0").slice(-9);
}
