// Conversations: wire format <-> values of shared/core/generation. From the wire they validate and throw PomonaError
// `invalid_request` with the field.

import type { Chat__Output, Chat as WireChat } from "@pomona/proto/generated/pomona/v1/Chat";
import type {
  ChatMessage__Output,
  ChatMessage as WireChatMessage,
} from "@pomona/proto/generated/pomona/v1/ChatMessage";
import type { ToolDefinition__Output } from "@pomona/proto/generated/pomona/v1/ToolDefinition";
import { z } from "zod";
import type { Chat, ChatMessage, ToolDefinition } from "../core/generation.ts";
import { checkLength, checkText, fail, textLengthMax } from "./wire-checks.ts";

const messagesMax = 4096;
const toolsMax = 1024;
const callsMax = 1024;
const nameLengthMax = 256;
const optionsLengthMax = 64 * 1024;
const roles: readonly ChatMessage["role"][] = ["system", "user", "assistant", "tool"];
const templateOptionsSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

export function chatToWire(chat: Chat): WireChat {
  const { messages, tools = [], templateOptions, isSystemShared = false, continuesLast = false } = chat;
  return {
    messages: messages.map(messageToWire),
    tools: tools.map(({ name, description = "", parameters, strict }) => ({
      name,
      description,
      parameters: JSON.stringify(parameters),
      strict: strict === "always",
    })),
    templateOptions: templateOptions === undefined ? "" : JSON.stringify(templateOptions),
    isSystemShared,
    continuesLast,
  };
}

function messageToWire(message: ChatMessage): WireChatMessage {
  const { role, content, reasoning = "", toolCalls = [], toolCallId = "", name = "" } = message;
  return { role, content, reasoning, toolCalls: toolCalls.map((call) => ({ ...call })), toolCallId, name };
}

export function chatFromWire(chat: Chat__Output): Chat {
  if (chat.messages.length === 0) fail("chat.messages", "must hold at least one message");
  const messages = checkLength("chat.messages", chat.messages, messagesMax).map(messageFromWire);
  const tools = checkLength("chat.tools", chat.tools, toolsMax).map(toolFromWire);
  const options = checkText("chat.template_options", chat.templateOptions, optionsLengthMax);
  return {
    messages,
    ...(tools.length === 0 ? {} : { tools }),
    ...(options === "" ? {} : { templateOptions: templateOptionsFromWire(options) }),
    ...(chat.isSystemShared ? { isSystemShared: true } : {}),
    ...(chat.continuesLast ? { continuesLast: checkBeginning(messages) } : {}),
  };
}

/** What an answer goes on from is a message that it could have begun itself. */
function checkBeginning(messages: readonly ChatMessage[]): true {
  const { role, content = "", reasoning, toolCalls } = messages.at(-1) ?? {};
  const field = "chat.continues_last";
  if (role !== "assistant") fail(field, "needs a last message of the assistant");
  if (toolCalls !== undefined) fail(field, "is not possible behind calls of tools: send their results");
  if (content === "" && reasoning === undefined) fail(field, "needs a last message that says something");
  return true;
}

function messageFromWire(message: ChatMessage__Output, index: number): ChatMessage {
  const field = `chat.messages[${index}]`;
  const role = roles.find((known) => known === message.role);
  if (role === undefined) fail(`${field}.role`, `must be one of ${roles.join(", ")}`);
  const toolCalls = checkLength(`${field}.tool_calls`, message.toolCalls, callsMax).map((call) => ({
    id: checkText(`${field}.tool_calls.id`, call.id, nameLengthMax),
    name: checkText(`${field}.tool_calls.name`, call.name, nameLengthMax),
    arguments: checkText(`${field}.tool_calls.arguments`, call.arguments, textLengthMax),
  }));
  const reasoning = checkText(`${field}.reasoning`, message.reasoning, textLengthMax);
  const toolCallId = checkText(`${field}.tool_call_id`, message.toolCallId, nameLengthMax);
  const name = checkText(`${field}.name`, message.name, nameLengthMax);
  return {
    role,
    content: checkText(`${field}.content`, message.content, textLengthMax),
    ...(reasoning === "" ? {} : { reasoning }),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
    ...(toolCallId === "" ? {} : { toolCallId }),
    ...(name === "" ? {} : { name }),
  };
}

function toolFromWire(tool: ToolDefinition__Output, index: number): ToolDefinition {
  const field = `chat.tools[${index}]`;
  const description = checkText(`${field}.description`, tool.description, textLengthMax);
  return {
    name: checkText(`${field}.name`, tool.name, nameLengthMax),
    ...(description === "" ? {} : { description }),
    parameters: jsonFrom(
      `${field}.parameters`,
      checkText(`${field}.parameters`, tool.parameters || "{}", textLengthMax),
    ),
    ...(tool.strict ? { strict: "always" } : {}),
  };
}

function templateOptionsFromWire(text: string): NonNullable<Chat["templateOptions"]> {
  const parsed = templateOptionsSchema.safeParse(jsonFrom("chat.template_options", text));
  return parsed.success
    ? parsed.data
    : fail("chat.template_options", "must be an object of texts, numbers and booleans");
}

function jsonFrom(field: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return fail(field, "is not valid JSON");
  }
}
