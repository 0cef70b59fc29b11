// The messages of a chat, one by one, so that a body full of faults costs no more than its first.
import type { ChatMessage } from "@pomona/shared/core/generation";
import { z } from "zod";
import { type FieldPath, invalid, onlyNothing, parseAt, text } from "./field.ts";

const messagesMax = 4096;
const partsMax = 1024;

const messageSchema = z.strictObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool"]),
  content: z.unknown().optional(),
  /** Templates do not show it. */
  name: z.string().max(256).optional(),
  tool_call_id: z.string().max(256).optional(),
  // Answers come back as they were sent, with their empty fields.
  refusal: onlyNothing(),
  annotations: onlyNothing(),
  audio: onlyNothing(),
  tool_calls: onlyNothing(),
  function_call: onlyNothing(),
});

const partSchema = z.strictObject({ type: z.literal("text"), text });

/** @throws PomonaError `invalid_request` that names the first field that is wrong. */
export function parseMessages(value: unknown): ChatMessage[] {
  if (value === undefined) throw invalid(["messages"], "is missing");
  if (!Array.isArray(value)) throw invalid(["messages"], "must be a list of messages");
  if (value.length === 0) throw invalid(["messages"], "must hold at least one message");
  if (value.length > messagesMax) {
    throw invalid(["messages"], `must hold at most ${messagesMax} messages, not ${value.length}`);
  }
  return value.map((message: unknown, index) => parseMessage(message, ["messages", index]));
}

function parseMessage(value: unknown, path: FieldPath): ChatMessage {
  const message = parseAt(messageSchema, value, path);
  if (message.role === "tool" && message.tool_call_id === undefined) {
    throw invalid([...path, "tool_call_id"], "is missing: a tool message answers a call");
  }
  if (message.role !== "tool" && message.tool_call_id !== undefined) {
    throw invalid([...path, "tool_call_id"], "belongs to messages of the role tool only");
  }
  // Models are trained with one role for both.
  const role = message.role === "developer" ? "system" : message.role;
  return { role, content: parseContent(message.content, [...path, "content"]) };
}

function parseContent(value: unknown, path: FieldPath): string {
  if (typeof value === "string") return parseAt(text, value, path);
  if (!Array.isArray(value)) throw invalid(path, "must be a string or a list of text parts");
  if (value.length === 0) throw invalid(path, "must hold at least one part");
  if (value.length > partsMax) throw invalid(path, `must hold at most ${partsMax} parts, not ${value.length}`);
  return value.map((part: unknown, index) => parsePart(part, [...path, index])).join("");
}

function parsePart(value: unknown, path: FieldPath): string {
  const { type } = parseAt(z.looseObject({ type: z.string() }), value, path);
  if (type !== "text") {
    throw invalid(
      [...path, "type"],
      `is ${JSON.stringify(type.slice(0, 100))}: only parts of type "text" are supported yet`,
    );
  }
  return parseAt(partSchema, value, path).text;
}
