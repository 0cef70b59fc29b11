// The messages of a chat, one by one, so that a body full of faults costs no more than its first.
import type { ChatMessage, ToolCall } from "@pomona/shared/core/generation";
import { z } from "zod";
import { type FieldPath, invalid, onlyNothing, parseAt, text } from "./field.ts";

const messagesMax = 4096;
const partsMax = 1024;
const callsMax = 256;

const messageSchema = z.strictObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool"]),
  content: z.unknown().optional(),
  name: z.string().max(256).nullish(),
  tool_call_id: z.string().max(256).nullish(),
  tool_calls: z.unknown().optional(),
  // Answers come back as they were sent.
  reasoning_content: text.nullish(),
  refusal: text.nullish(),
  annotations: onlyNothing(),
  audio: onlyNothing(),
  function_call: onlyNothing(),
});

const callSchema = z.strictObject({
  id: z.string().min(1).max(256),
  type: z.literal("function"),
  function: z.strictObject({ name: z.string().min(1).max(256), arguments: text }),
});

/** @throws PomonaError `invalid_request` that names the first field that is wrong. */
export function parseMessages(value: unknown, model: string): ChatMessage[] {
  if (value === undefined) throw invalid(["messages"], "is missing");
  if (!Array.isArray(value)) throw invalid(["messages"], "must be a list of messages");
  if (value.length === 0) throw invalid(["messages"], "must hold at least one message");
  if (value.length > messagesMax) {
    throw invalid(["messages"], `must hold at most ${messagesMax} messages, not ${value.length}`);
  }
  const calls = new Set<string>();
  return value.map((message: unknown, index) => parseMessage(message, { path: ["messages", index], model, calls }));
}

type Place = {
  readonly path: FieldPath;
  /** Named where it cannot take what it is given. */
  readonly model: string;
  /** Ids of all calls so far. */
  readonly calls: Set<string>;
};

function parseMessage(value: unknown, { path, model, calls }: Place): ChatMessage {
  const message = parseAt(messageSchema, value, path);
  const toolCallId = message.tool_call_id ?? null;
  if (message.role === "tool" && toolCallId === null) {
    throw invalid([...path, "tool_call_id"], "is missing: a tool message answers a call");
  }
  if (message.role !== "tool" && toolCallId !== null) {
    throw invalid([...path, "tool_call_id"], "belongs to messages of the role tool only");
  }
  if (toolCallId !== null && !calls.has(toolCallId)) {
    throw invalid([...path, "tool_call_id"], "answers no call of an earlier message of the assistant");
  }
  const toolCalls = parseCalls(message.tool_calls, [...path, "tool_calls"]);
  if (toolCalls.length > 0 && message.role !== "assistant") {
    throw invalid([...path, "tool_calls"], "belongs to messages of the role assistant only");
  }
  for (const { id } of toolCalls) calls.add(id);
  const isEmpty = message.content === undefined || message.content === null;
  const mayBeEmpty = message.role === "assistant" && (toolCalls.length > 0 || message.refusal != null);
  const content =
    isEmpty && mayBeEmpty
      ? (message.refusal ?? "")
      : parseContent(message.content, { path: [...path, "content"], model });
  return {
    // Models are trained with one role for both.
    role: message.role === "developer" ? "system" : message.role,
    content,
    ...(message.reasoning_content == null ? {} : { reasoning: message.reasoning_content }),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
    ...(toolCallId === null ? {} : { toolCallId }),
    ...(message.name == null ? {} : { name: message.name }),
  };
}

function parseCalls(value: unknown, path: FieldPath): readonly ToolCall[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(path, "must be a list of calls");
  if (value.length > callsMax) throw invalid(path, `must hold at most ${callsMax} calls, not ${value.length}`);
  return value.map((call: unknown, index) => {
    const { id, function: called } = parseAt(callSchema, call, [...path, index]);
    return { id, name: called.name, arguments: called.arguments };
  });
}

type ContentPlace = Omit<Place, "calls">;

function parseContent(value: unknown, { path, model }: ContentPlace): string {
  if (typeof value === "string") return parseAt(text, value, path);
  if (value === undefined) throw invalid(path, "is missing");
  if (!Array.isArray(value)) throw invalid(path, "must be a string or a list of text parts");
  if (value.length === 0) throw invalid(path, "must hold at least one part");
  if (value.length > partsMax) throw invalid(path, `must hold at most ${partsMax} parts, not ${value.length}`);
  return value.map((part: unknown, index) => parsePart(part, { path: [...path, index], model })).join("");
}

const textPart = z.strictObject({ type: z.literal("text"), text });
const refusalPart = z.strictObject({ type: z.literal("refusal"), refusal: text });

function parsePart(value: unknown, { path, model }: ContentPlace): string {
  const { type } = parseAt(z.looseObject({ type: z.string() }), value, path);
  if (type === "text") return parseAt(textPart, value, path).text;
  if (type === "refusal") return parseAt(refusalPart, value, path).refusal;
  throw unsupportedPart(type, { path, model });
}

/** Nothing is ever fetched to find out what a part holds. */
export function unsupportedPart(type: string, { path, model }: ContentPlace) {
  const shown = JSON.stringify(type.slice(0, 100));
  return invalid(
    [...path, "type"],
    `is ${shown}: model ${model.slice(0, 100)} takes text alone, no images, sound or files`,
  );
}
