// `context` of /api/generate: a conversation in numbers, which the client sends back to go on from it. Ollama's are the tokens of one
// model's template; these are the messages, three bytes of their JSON text each, so that they go on with any model.
import type { ChatMessage } from "@pomona/shared/core/generation";
import { z } from "zod";
import { invalid, text } from "../requests/field.ts";

const bytesEach = 3;
/** Of the JSON text: a longer conversation is one for /api/chat. */
const bytesMax = 2 ** 18;
const numbersMax = Math.ceil(bytesMax / bytesEach);
const messagesMax = 4096;
const path = ["context"];

type Role = "system" | "user" | "assistant";

const carriedSchema = z
  .array(z.unknown())
  .max(messagesMax)
  .pipe(z.array(z.tuple([z.enum(["system", "user", "assistant"]), text])));

/** Of thoughts nothing is carried. Undefined for a conversation that is too long. */
export function carryConversation(
  messages: readonly Pick<ChatMessage, "role" | "content">[],
): readonly number[] | undefined {
  const bytes = Buffer.from(JSON.stringify(messages.map(({ role, content }) => [role, content])));
  if (bytes.length > bytesMax) return undefined;
  const count = Math.ceil(bytes.length / bytesEach);
  // Spaces behind it are no part of a JSON text.
  const padded = Buffer.concat([bytes, Buffer.alloc(count * bytesEach - bytes.length, " ")]);
  return Array.from({ length: count }, (_, index) => padded.readUIntBE(index * bytesEach, bytesEach));
}

type Carried = { readonly role: Role; readonly content: string };

/** @throws PomonaError `invalid_request` for numbers that are not those of an earlier answer. */
export function parseCarried(value: unknown): readonly Carried[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(path, "must be a list of numbers");
  if (value.length === 0) return [];
  if (value.length > numbersMax)
    throw invalid(
      path,
      `must hold at most ${numbersMax} numbers, not ${value.length}: send the conversation to /api/chat`,
    );
  const found = carriedSchema.safeParse(jsonOf(value));
  if (!found.success) throw invalid(path, "is not that of an answer of this pool: send the conversation to /api/chat");
  return found.data.map(([role, content]) => ({ role, content }));
}

function jsonOf(numbers: readonly unknown[]): unknown {
  const bytes = Buffer.alloc(numbers.length * bytesEach);
  for (const [index, number] of numbers.entries()) {
    if (typeof number !== "number" || !Number.isInteger(number) || number < 0 || number >= 2 ** 24) return null;
    bytes.writeUIntBE(number, index * bytesEach, bytesEach);
  }
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return null;
  }
}
