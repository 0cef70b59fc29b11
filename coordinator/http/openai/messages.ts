// The messages of a chat, one by one, so that a body full of faults costs no more than its first.
import type { ChatMessage, ToolCall } from "@pomona/shared/core/generation";
import { z } from "zod";
import { cacheControl } from "../anthropic/cache-control.ts";
import { type FieldPath, invalid, onlyNothing, parseAt, text, typeAt } from "../requests/field.ts";
import { textAlone } from "../requests/text-alone.ts";
import { promptCacheBreakpoint } from "./cache-hints.ts";

const messagesMax = 4096;
const partsMax = 1024;
const callsMax = 256;

const messageSchema = z.strictObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool", "function"]),
  content: z.unknown().optional(),
  name: z.string().max(256).nullish(),
  tool_call_id: z.string().max(256).nullish(),
  tool_calls: z.unknown().optional(),
  // Answers come back as they were sent.
  reasoning_content: text.nullish(),
  // As Ollama, OpenRouter and vLLM name them.
  reasoning: text.nullish(),
  refusal: text.nullish(),
  annotations: onlyNothing(),
  audio: onlyNothing(),
  // What `tool_calls` were before, and one at most.
  function_call: z.unknown().optional(),
  // What OpenAI's client adds to an answer that it has read.
  parsed: z.unknown().optional(),
  // In the dialects of DeepSeek and Mistral: the answer goes on from this message.
  prefix: z.boolean().nullish(),
});

const calledFields = { name: z.string().min(1).max(256), arguments: text };

const callSchema = z.strictObject({
  id: z.string().min(1).max(256),
  type: z.literal("function"),
  function: z.strictObject({ ...calledFields, parsed_arguments: z.unknown().optional() }),
  // Left over from a stream, as Open WebUI sends it back.
  index: z.number().int().nullish(),
});

const functionCallSchema = z.strictObject(calledFields);

/** @throws PomonaError `invalid_request` that names the first field that is wrong. */
export function parseMessages(value: unknown, model: string): ChatMessage[] {
  if (value === undefined) throw invalid(["messages"], "is missing");
  if (!Array.isArray(value)) throw invalid(["messages"], "must be a list of messages");
  if (value.length === 0) throw invalid(["messages"], "must hold at least one message");
  if (value.length > messagesMax) {
    throw invalid(["messages"], `must hold at most ${messagesMax} messages, not ${value.length}`);
  }
  const calls: EarlierCalls = { ids: new Set(), functions: new Map() };
  const last = value.length - 1;
  return value.map((message: unknown, index) =>
    parseMessage(message, { path: ["messages", index], model, calls, isLast: index === last }),
  );
}

/** What messages of tools may answer. */
type EarlierCalls = {
  readonly ids: Set<string>;
  /** Of calls that came as `function_call`, by the name of the function: the latest of each. */
  readonly functions: Map<string, string>;
};

type Place = {
  readonly path: FieldPath;
  /** Named where it cannot take what it is given. */
  readonly model: string;
  readonly calls: EarlierCalls;
  readonly isLast: boolean;
};

type Message = z.output<typeof messageSchema>;

function parseMessage(value: unknown, { path, model, calls, isLast }: Place): ChatMessage {
  const message = parseAt(messageSchema, value, path);
  if (message.prefix != null && message.role !== "assistant")
    throw invalid([...path, "prefix"], "belongs to messages of the role assistant only");
  if (message.prefix === true && !isLast) throw invalid([...path, "prefix"], "belongs to the last message only");
  const toolCallId = answeredCall(message, { path, calls });
  const toolCalls = parseCalls(message, { path, calls });
  const reasoning = message.reasoning_content ?? message.reasoning;
  const isEmpty = message.content === undefined || message.content === null;
  // An answer that was cut may be all thoughts.
  const saysElse = toolCalls.length > 0 || message.refusal != null || reasoning != null;
  const mayBeEmpty = message.role === "assistant" && saysElse;
  const content =
    isEmpty && (mayBeEmpty || message.role === "function")
      ? (message.refusal ?? "")
      : parseContent(message.content, { path: [...path, "content"], model });
  return {
    role: roleOf(message),
    content,
    ...(reasoning == null ? {} : { reasoning }),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
    ...(toolCallId === null ? {} : { toolCallId }),
    ...(message.name == null ? {} : { name: message.name }),
  };
}

/** Models are trained with one role for what has two names. */
function roleOf({ role }: Message): ChatMessage["role"] {
  if (role === "developer") return "system";
  return role === "function" ? "tool" : role;
}

type CallsPlace = Pick<Place, "path" | "calls">;

/** The call that a message answers; null where it answers none. */
function answeredCall(message: Message, { path, calls }: CallsPlace): string | null {
  const { role, tool_call_id: id, name } = message;
  if (role !== "tool" && id != null)
    throw invalid([...path, "tool_call_id"], "belongs to messages of the role tool only");
  if (role === "function") {
    if (name == null) throw invalid([...path, "name"], "is missing: a function message answers a call");
    const called = calls.functions.get(name);
    if (called === undefined)
      throw invalid([...path, "name"], "is of no function that an earlier message of the assistant calls");
    return called;
  }
  if (role !== "tool") return null;
  if (id == null) throw invalid([...path, "tool_call_id"], "is missing: a tool message answers a call");
  if (!calls.ids.has(id))
    throw invalid([...path, "tool_call_id"], "answers no call of an earlier message of the assistant");
  return id;
}

function parseCalls(message: Message, { path, calls }: CallsPlace): readonly ToolCall[] {
  const { role, tool_calls: value, function_call: older } = message;
  const field = older == null ? "tool_calls" : "function_call";
  const found =
    older == null
      ? parseToolCalls(value, [...path, field])
      : [parseFunctionCall(older, { path: [...path, field], calls })];
  if (found.length > 0 && role !== "assistant")
    throw invalid([...path, field], "belongs to messages of the role assistant only");
  if (older != null && value != null)
    throw invalid([...path, field], "is what tool_calls were before: send one of the two");
  for (const { id, name } of found) {
    calls.ids.add(id);
    if (older != null) calls.functions.set(name, id);
  }
  return found;
}

/** It has no id of its own: one of nine letters and digits, as the templates of Mistral's models take them. */
function parseFunctionCall(value: unknown, { path, calls }: CallsPlace): ToolCall {
  const { name, arguments: written } = parseAt(functionCallSchema, value, path);
  return { id: `call${String(calls.ids.size).padStart(5, "0")}`, name, arguments: written };
}

function parseToolCalls(value: unknown, path: FieldPath): readonly ToolCall[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(path, "must be a list of calls");
  if (value.length > callsMax) throw invalid(path, `must hold at most ${callsMax} calls, not ${value.length}`);
  return value.map((call: unknown, index) => {
    const { id, function: called } = parseAt(callSchema, call, [...path, index]);
    return { id, name: called.name, arguments: called.arguments };
  });
}

type ContentPlace = Pick<Place, "path" | "model">;

/** Text, or parts that are text, joined. @throws PomonaError `invalid_request` that names the field. */
export function parseContent(value: unknown, { path, model }: ContentPlace): string {
  if (typeof value === "string") return parseAt(text, value, path);
  if (value === undefined) throw invalid(path, "is missing");
  if (!Array.isArray(value)) throw invalid(path, "must be a string or a list of text parts");
  if (value.length === 0) throw invalid(path, "must hold at least one part");
  if (value.length > partsMax) throw invalid(path, `must hold at most ${partsMax} parts, not ${value.length}`);
  return value.map((part: unknown, index) => parsePart(part, { path: [...path, index], model })).join("");
}

const textPart = z.strictObject({
  type: z.literal("text"),
  text,
  // Where the prompt is to be cached: in OpenAI's words, and in those of agents that speak to several APIs.
  prompt_cache_breakpoint: promptCacheBreakpoint,
  cache_control: cacheControl,
});
const refusalPart = z.strictObject({ type: z.literal("refusal"), refusal: text });

function parsePart(value: unknown, { path, model }: ContentPlace): string {
  const type = typeAt(value, path);
  if (type === "text") return parseAt(textPart, value, path).text;
  if (type === "refusal") return parseAt(refusalPart, value, path).refusal;
  throw unsupportedPart(type, { path, model });
}

/** Nothing is ever fetched to find out what a part holds. */
export function unsupportedPart(type: string, { path, model }: ContentPlace) {
  return invalid([...path, "type"], `is ${JSON.stringify(type.slice(0, 100))}: ${textAlone(model)}`);
}
