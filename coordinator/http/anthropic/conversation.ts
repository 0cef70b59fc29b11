// System prompt and messages of the Messages API as one chat.
import type { ChatMessage, ToolCall } from "@pomona/shared/core/generation";
import { z } from "zod";
import { type FieldPath, invalid, jsonObject, onlyNothing, parseAt, text } from "../requests/field.ts";
import { toolName } from "../requests/tools.ts";
import { cacheControl } from "./cache-control.ts";
import { innerCallId } from "./call-id.ts";
import {
  type ContentBlock,
  joinTexts,
  type OtherBlock,
  parseBlocks,
  parseTexts,
  unsupportedBlock,
} from "./content-blocks.ts";
import { textOf } from "./documents.ts";
import type { OfferedTools } from "./offered-tools.ts";
import { parseTool } from "./tools.ts";

const messagesMax = 4096;

const messageSchema = z.strictObject({
  role: z.enum(["user", "assistant", "system"]),
  content: z.unknown().optional(),
  clear_at: z.enum(["next_user_message", "never"]).nullish(),
});

const userSchema = z.looseObject({ role: z.literal("user") });

const callId = z.string().regex(/^[A-Za-z0-9_-]{1,256}$/, { error: "must be letters, digits, dashes and underscores" });

const callBlock = z.strictObject({
  type: z.literal("tool_use"),
  id: callId,
  name: toolName,
  input: jsonObject,
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

/** What a search for tools has found. */
const referenceBlock = z.strictObject({
  type: z.literal("tool_reference"),
  tool_name: toolName,
  cache_control: cacheControl,
});

const changeBlock = z.strictObject({
  type: z.enum(["tool_addition", "tool_removal"]),
  tool: z.looseObject({ type: z.enum(["tool_reference", "tool_definition"]) }),
  cache_control: cacheControl,
});
const namedTool = z.strictObject({ type: z.literal("tool_reference"), name: toolName });
const describedTool = z.strictObject({ type: z.literal("tool_definition"), definition: z.unknown() });

const thinkingBlock = z.strictObject({ type: z.literal("thinking"), thinking: text, signature: z.string().nullish() });

/** Nobody here can read what is in it. */
const redactedBlock = z.strictObject({ type: z.literal("redacted_thinking"), data: z.string() });

export type ConversationOptions = {
  readonly model: string;
  /** Told of every tool that the conversation names. */
  readonly tools: OfferedTools;
  /** Whether calls may be without results: only its tokens are counted. */
  readonly isCounted: boolean;
};

type Reading = Pick<ConversationOptions, "model" | "tools"> & {
  /** What was said so far. */
  readonly pieces: Piece[];
  /** The calls so far, by their ids. */
  readonly calls: Map<string, { readonly name: string; readonly path: FieldPath }>;
  /** Ids of those that have no result yet. */
  readonly open: Set<string>;
  /** The place of the user's last message. */
  readonly lastUser: number;
  /** The place of the last message. */
  readonly last: number;
};

/** @throws PomonaError `invalid_request` that names the first field that is wrong. */
export function parseConversation(
  { messages, system }: { readonly messages?: unknown; readonly system?: unknown },
  { model, tools, isCounted }: ConversationOptions,
): readonly ChatMessage[] {
  const told = parseSystemPrompt(system, model);
  const pieces: Piece[] = told === "" ? [] : [turnOf("system", { texts: [told] })];
  if (messages === undefined) throw invalid(["messages"], "is missing");
  if (!Array.isArray(messages)) throw invalid(["messages"], "must be a list of messages");
  if (messages.length === 0) throw invalid(["messages"], "must hold at least one message");
  if (messages.length > messagesMax)
    throw invalid(["messages"], `must hold at most ${messagesMax} messages, not ${messages.length}`);
  const lastUser = messages.findLastIndex((message: unknown) => userSchema.safeParse(message).success);
  const last = messages.length - 1;
  const reading: Reading = { model, tools, pieces, calls: new Map(), open: new Set(), lastUser, last };
  for (const [index, message] of messages.entries())
    for (const next of parseMessage(message, ["messages", index], reading)) append(pieces, next);
  const chat = pieces.map(messageOf);
  if (chat.length === 0) throw invalid(["messages"], "must say something");
  if (!isCounted) refuseOpenCalls(reading);
  return chat;
}

/**
 * What Claude Code tells of itself to whoever sends the bill. It is another one for each conversation, or each request, so that
 * nothing of the long prompt after it would be found in a slot.
 */
const billingLine = /^x-anthropic-billing-header:[^\n]*\n?/;

function parseSystemPrompt(system: unknown, model: string): string {
  // Some clients send an empty one for none.
  if (system === undefined || system === null || system === "" || isEmptyList(system)) return "";
  const texts = parseTexts(system, { path: ["system"], model });
  return joinTexts(texts.map((piece) => piece.replace(billingLine, "")));
}

/** What one side says until the other one does, or a tool answers. */
type Turn = {
  readonly role: "system" | "user" | "assistant";
  readonly texts: string[];
  readonly thoughts: string[];
  readonly toolCalls: ToolCall[];
};

type Piece = { readonly kind: "turn"; readonly turn: Turn } | { readonly kind: "result"; readonly result: ChatMessage };

/** Every call has its result before the model is asked again, as the API has it, and in its words, which agents know. */
function refuseOpenCalls({ calls, open }: Reading): void {
  for (const id of open)
    throw invalid(
      calls.get(id)?.path ?? [],
      "is not answered: `tool_use` ids were found without `tool_result` blocks immediately after",
    );
}

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
  const { role, content, clear_at: clearAt } = parseAt(messageSchema, value, path);
  if (clearAt != null && role !== "system")
    throw invalid([...path, "clear_at"], "belongs to messages of the role system only");
  const place = { path: [...path, "content"], model: reading.model };
  switch (role) {
    case "system":
      return parseSystem(parseBlocks(content, place), reading, {
        isOver: clearAt === "next_user_message" && Number(path.at(-1)) < reading.lastUser,
      });
    case "user":
      return parseUser(parseBlocks(content, place), reading);
    case "assistant":
      if (!isAnswering(reading)) refuseOpenCalls(reading);
      // As the API has it, an answer may be begun with nothing.
      if (path.at(-1) === reading.last && (content === "" || isEmptyList(content))) return [];
      return [parseAssistant(parseBlocks(content, place), reading)];
  }
}

function isAnswering({ pieces }: Reading): boolean {
  const last = pieces.at(-1);
  return last?.kind === "turn" && last.turn.role === "assistant";
}

/**
 * What is said, and which tools there are from here on: the last word on each counts. What was for one turn of the user, and
 * is over, is not said any more.
 */
function parseSystem(
  blocks: readonly ContentBlock[],
  { model, tools }: Reading,
  { isOver }: { readonly isOver: boolean },
): readonly Piece[] {
  const texts: string[] = [];
  for (const found of blocks) {
    if (found.kind === "text") texts.push(found.text);
    else if (found.type !== "tool_addition" && found.type !== "tool_removal") throw unsupportedBlock(found, model);
    else changeTools(found, tools);
  }
  return texts.length === 0 || isOver ? [] : [turnOf("system", { texts })];
}

function changeTools({ value, path }: OtherBlock, tools: OfferedTools): void {
  const { type, tool } = parseAt(changeBlock, value, path);
  const at = [...path, "tool"];
  if (type === "tool_addition" && tool.type === "tool_definition") {
    const place = [...at, "definition"];
    tools.define(parseTool(parseAt(describedTool, tool, at).definition, place), place);
    return;
  }
  const { name } = parseAt(namedTool, tool, at);
  if (type === "tool_addition") tools.offer(name, [...at, "name"]);
  else tools.withdraw(name, [...at, "name"]);
}

/** Results come first, each a message of its own, then what the user says. */
function parseUser(blocks: readonly ContentBlock[], reading: Reading): readonly Piece[] {
  const results: Piece[] = [];
  const texts: string[] = [];
  for (const found of blocks) {
    if (found.kind === "text" || found.type !== "tool_result") texts.push(textOf(found, reading.model));
    else if (texts.length > 0) throw invalid(found.path, "must stand before the text: results of tools come first");
    else results.push({ kind: "result", result: parseResult(found.value, found.path, reading) });
  }
  return texts.length === 0 ? results : [...results, turnOf("user", { texts })];
}

function parseResult(value: unknown, path: FieldPath, reading: Reading): ChatMessage {
  const result = parseAt(resultBlock, value, path);
  const id = result.tool_use_id;
  const call = reading.calls.get(id);
  if (call === undefined)
    throw invalid([...path, "tool_use_id"], "answers no earlier call: unexpected `tool_use_id` found in `tool_result`");
  if (!reading.open.delete(id))
    throw invalid([...path, "tool_use_id"], "is that of a tool_use that was answered already");
  const { content, is_error: isError } = result;
  const isEmpty = content === undefined || content === null || content === "" || isEmptyList(content);
  const said = isEmpty ? "" : parseResultContent(content, path, reading);
  const told = isError === true ? `Error: ${said}` : said;
  return { role: "tool", content: told, toolCallId: innerCallId(id), name: call.name };
}

function parseResultContent(value: unknown, path: FieldPath, { model, tools }: Reading): string {
  const texts = parseBlocks(value, { path: [...path, "content"], model }).map((found, index) => {
    if (found.kind === "text") return found.text;
    // As the API names what stands in a result.
    if (found.type !== "tool_reference")
      return textOf({ ...found, path: [...path, "tool_result", "content", index] }, model);
    const { tool_name: name } = parseAt(referenceBlock, found.value, found.path);
    tools.offer(name, [...found.path, "tool_name"]);
    return `The tool ${name} may be called from now on.`;
  });
  return joinTexts(texts);
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

function parseCall(value: unknown, path: FieldPath, { calls, open }: Reading): ToolCall {
  const { id, name, input } = parseAt(callBlock, value, path);
  // One that was answered is free again, as the API has it: clients bring ids along that other services count anew.
  if (open.has(id)) throw invalid([...path, "id"], "is that of another call: `tool_use` ids must be unique");
  calls.set(id, { name, path });
  open.add(id);
  return { id: innerCallId(id), name, arguments: JSON.stringify(input) };
}
