// System prompt and messages of the Messages API as one chat.
import type { ChatMessage, ToolCall } from "@pomona/shared/core/generation";
import { z } from "zod";
import { type FieldPath, invalid, onlyNothing, parseAt, text } from "../openai/field.ts";
import { toolName } from "../openai/tools.ts";
import { cacheControl } from "./cache-control.ts";
import { innerCallId } from "./call-id.ts";
import { type ContentBlock, joinTexts, parseBlocks, parseText, unsupportedBlock } from "./content-blocks.ts";

const messagesMax = 4096;

const messageSchema = z.strictObject({
  role: z.enum(["user", "assistant", "system"]),
  content: z.unknown().optional(),
});

const callId = z.string().regex(/^[A-Za-z0-9_-]{1,256}$/, { error: "must be letters, digits, dashes and underscores" });

const callBlock = z.strictObject({
  type: z.literal("tool_use"),
  id: callId,
  name: toolName,
  input: z.record(z.string(), z.unknown()),
  cache_control: cacheControl,
  // Answers come back as they were sent.
  caller: z.strictObject({ type: z.literal("direct") }).nullish(),
  toolset_name: onlyNothing(),
});

const resultBlock = z.strictObject({
  type: z.literal("tool_result"),
  tool_use_id: callId,
  content: z.unknown().optional(),
  is_error: z.boolean().nullish(),
  cache_control: cacheControl,
  toolset_name: onlyNothing(),
});

const thinkingBlock = z.strictObject({ type: z.literal("thinking"), thinking: text, signature: z.string().nullish() });

/** Nobody here can read what is in it. */
const redactedBlock = z.strictObject({ type: z.literal("redacted_thinking"), data: z.string() });

type Reading = {
  readonly model: string;
  /** Names of the tools that were called so far, by the call's id. */
  readonly calls: Map<string, string>;
  readonly answered: Set<string>;
};

/** @throws PomonaError `invalid_request` that names the first field that is wrong. */
export function parseConversation(
  { messages, system }: { readonly messages?: unknown; readonly system?: unknown },
  model: string,
): readonly ChatMessage[] {
  const pieces: Piece[] = [];
  // Some clients send an empty one for none.
  const isSaid = system !== undefined && system !== null && system !== "" && !(Array.isArray(system) && !system.length);
  if (isSaid) pieces.push(turnOf("system", { texts: [parseText(system, { path: ["system"], model })] }));
  if (messages === undefined) throw invalid(["messages"], "is missing");
  if (!Array.isArray(messages)) throw invalid(["messages"], "must be a list of messages");
  if (messages.length === 0) throw invalid(["messages"], "must hold at least one message");
  if (messages.length > messagesMax)
    throw invalid(["messages"], `must hold at most ${messagesMax} messages, not ${messages.length}`);
  const reading: Reading = { model, calls: new Map(), answered: new Set() };
  for (const [index, message] of messages.entries())
    for (const next of parseMessage(message, ["messages", index], reading)) append(pieces, next);
  const chat = pieces.map(messageOf);
  if (chat.at(-1)?.role === "assistant")
    throw invalid(
      ["messages", messages.length - 1, "role"],
      "is assistant: the beginning of an answer cannot be given, end with a message of the user",
    );
  return chat;
}

/** What one side says until the other one does, or a tool answers. */
type Turn = {
  readonly role: "system" | "user" | "assistant";
  readonly texts: string[];
  readonly thoughts: string[];
  readonly toolCalls: ToolCall[];
};

type Piece = { readonly kind: "turn"; readonly turn: Turn } | { readonly kind: "result"; readonly result: ChatMessage };

/** Turns of the same role are one, as the API has it. */
function append(pieces: Piece[], next: Piece): void {
  const last = pieces.at(-1);
  if (last?.kind !== "turn" || next.kind !== "turn" || last.turn.role !== next.turn.role) {
    pieces.push(next);
    return;
  }
  last.turn.texts.push(...next.turn.texts);
  last.turn.thoughts.push(...next.turn.thoughts);
  last.turn.toolCalls.push(...next.turn.toolCalls);
}

function turnOf(role: Turn["role"], parts: Partial<Turn>): Piece {
  return { kind: "turn", turn: { role, texts: [], thoughts: [], toolCalls: [], ...parts } };
}

function messageOf(piece: Piece): ChatMessage {
  if (piece.kind === "result") return piece.result;
  const { role, texts, thoughts, toolCalls } = piece.turn;
  const reasoning = joinTexts(thoughts);
  return {
    role,
    content: joinTexts(texts),
    ...(reasoning === "" ? {} : { reasoning }),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
  };
}

function parseMessage(value: unknown, path: FieldPath, reading: Reading): readonly Piece[] {
  const { role, content } = parseAt(messageSchema, value, path);
  const place = { path: [...path, "content"], model: reading.model };
  switch (role) {
    case "system":
      return [turnOf(role, { texts: [parseText(content, place)] })];
    case "user":
      return parseUser(parseBlocks(content, place), reading);
    case "assistant":
      return [parseAssistant(parseBlocks(content, place), reading)];
  }
}

/** Results come first, each a message of its own, then what the user says. */
function parseUser(blocks: readonly ContentBlock[], reading: Reading): readonly Piece[] {
  const results: Piece[] = [];
  const texts: string[] = [];
  for (const found of blocks) {
    if (found.kind === "text") texts.push(found.text);
    else if (found.type !== "tool_result") throw unsupportedBlock(found, reading.model);
    else if (texts.length > 0) throw invalid(found.path, "must stand before the text: results of tools come first");
    else results.push({ kind: "result", result: parseResult(found.value, found.path, reading) });
  }
  return texts.length === 0 ? results : [...results, turnOf("user", { texts })];
}

function parseResult(value: unknown, path: FieldPath, { model, calls, answered }: Reading): ChatMessage {
  const result = parseAt(resultBlock, value, path);
  const id = result.tool_use_id;
  const name = calls.get(id);
  if (name === undefined) throw invalid([...path, "tool_use_id"], "answers no tool_use of an earlier message");
  if (answered.has(id)) throw invalid([...path, "tool_use_id"], "is that of a tool_use that was answered already");
  answered.add(id);
  const { content, is_error: isError } = result;
  const isEmpty = content === undefined || content === null || content === "" || isEmptyList(content);
  const said = isEmpty ? "" : parseText(content, { path: [...path, "content"], model });
  return { role: "tool", content: isError === true ? `Error: ${said}` : said, toolCallId: innerCallId(id), name };
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function parseAssistant(blocks: readonly ContentBlock[], reading: Reading): Piece {
  const texts: string[] = [];
  const thoughts: string[] = [];
  const toolCalls: ToolCall[] = [];
  for (const found of blocks) {
    if (found.kind === "text") texts.push(found.text);
    else if (found.type === "thinking") thoughts.push(parseAt(thinkingBlock, found.value, found.path).thinking);
    else if (found.type === "redacted_thinking") parseAt(redactedBlock, found.value, found.path);
    else if (found.type === "tool_use") toolCalls.push(parseCall(found.value, found.path, reading));
    else throw unsupportedBlock(found, reading.model);
  }
  return turnOf("assistant", { texts, thoughts, toolCalls });
}

function parseCall(value: unknown, path: FieldPath, { calls }: Reading): ToolCall {
  const { id, name, input } = parseAt(callBlock, value, path);
  if (calls.has(id)) throw invalid([...path, "id"], "is that of another tool_use");
  calls.set(id, name);
  return { id: innerCallId(id), name, arguments: JSON.stringify(input) };
}
