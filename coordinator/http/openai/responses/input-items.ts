// `input`, item by item, so that a body full of faults costs no more than its first.
import { PomonaError } from "@pomona/shared/core/errors";
import { z } from "zod";
import {
  type FieldPath,
  invalid,
  jsonList,
  jsonObject,
  onlyNothing,
  parseAt,
  text,
  typeAt,
} from "../../requests/field.ts";
import { promptCacheBreakpoint } from "../cache-hints.ts";
import { unsupportedPart } from "../messages.ts";
import { byId, type ContentPart, type Item, type MessageItem, type ReasoningItem, readThoughts } from "./item.ts";

/** Items of a whole conversation, those that are kept included. */
const itemsMax = 4096;
const partsMax = 1024;

const id = z.string().max(256).nullish();
const callId = z.string().min(1).max(256);
const namespace = z.string().min(1).max(64).nullish();
const status = z.enum(["in_progress", "completed", "incomplete"]).nullish();

const messageSchema = z.strictObject({
  type: z.literal("message").optional(),
  id,
  status,
  role: z.enum(["user", "assistant", "system", "developer"]),
  phase: z.enum(["commentary", "final_answer"]).nullish(),
  content: z.unknown().optional(),
});

const callSchema = z.strictObject({
  type: z.literal("function_call"),
  id,
  status,
  call_id: callId,
  name: z.string().min(1).max(256),
  arguments: text,
  // What OpenAI's client makes of the text, and sends back.
  parsed_arguments: z.unknown().optional(),
  namespace,
  caller: onlyNothing(),
});

const callOutputSchema = z.strictObject({
  type: z.literal("function_call_output"),
  id,
  status,
  call_id: callId,
  output: z.unknown().optional(),
  // Whose result it is says the id alone.
  name: z.string().max(256).nullish(),
  namespace,
  caller: onlyNothing(),
});

const reasoningSchema = z.strictObject({
  type: z.literal("reasoning"),
  id,
  status,
  summary: z.unknown().optional(),
  content: z.unknown().optional(),
  encrypted_content: z.string().nullish(),
});

const referenceSchema = z.strictObject({ type: z.literal("item_reference").nullish(), id: z.string().max(256) });

export type InputPlace = {
  /** Named where it cannot take what it is given. */
  readonly model: string;
  /** What the conversation was before. */
  readonly before: readonly Item[];
  /** An item of a kept response. */
  readonly itemOf: (id: string) => Item | null;
  /** Whether what is not kept is left out: nobody will be asked anything. */
  readonly mayBeCut: boolean;
};

/**
 * The items that are new.
 * @throws PomonaError `invalid_request` that names the first field that is wrong, `not_found` for an item that is not kept.
 */
export function parseInput(value: unknown, place: InputPlace): readonly Item[] {
  const path: FieldPath = ["input"];
  if (value === undefined || value === null) throw invalid(path, "is missing");
  if (typeof value === "string") return [userMessage(parseAt(text, value, path))];
  if (!Array.isArray(value)) throw invalid(path, "must be a string or a list of items");
  if (value.length === 0) throw invalid(path, "must hold at least one item");
  const count = value.length + place.before.length;
  if (count > itemsMax)
    throw invalid(path, `must hold at most ${itemsMax} items, those before it included, not ${count}`);
  const reading = { ...place, beforeById: byId(place.before) };
  const calls = new Set(place.before.flatMap((item) => (item.type === "function_call" ? [item.call_id] : [])));
  return value.flatMap((entry: unknown, index) => {
    const item = parseItem(entry, [...path, index], reading);
    if (item?.type === "function_call") calls.add(item.call_id);
    if (item?.type === "function_call_output" && !place.mayBeCut && !calls.has(item.call_id))
      throw invalid([...path, index, "call_id"], "answers no function_call of an earlier item");
    return item ?? [];
  });
}

function userMessage(content: string): MessageItem {
  return {
    type: "message",
    id: "",
    status: "completed",
    role: "user",
    content: [{ type: "input_text", text: content }],
  };
}

type Reading = InputPlace & { readonly beforeById: ReadonlyMap<string, Item> };

function parseItem(value: unknown, path: FieldPath, place: Reading): Item | null {
  const entry = parseAt(jsonObject, value, path);
  // A message needs no type, and neither does a reference.
  const type = entry["type"] == null ? ("role" in entry ? "message" : "item_reference") : typeAt(entry, path);
  switch (type) {
    case "message":
      return parseMessage(value, path, place);
    case "function_call": {
      const { call_id, name, arguments: written, ...call } = parseAt(callSchema, value, path);
      const head = { type, id: call.id ?? "", status: call.status ?? "completed", call_id } as const;
      return { ...head, ...named({ namespace: call.namespace }), name, arguments: written };
    }
    case "function_call_output": {
      const { call_id, ...item } = parseAt(callOutputSchema, value, path);
      const output = parseOutput(item.output, [...path, "output"], place);
      return { type, id: item.id ?? "", status: item.status ?? "completed", call_id, ...named(item), output };
    }
    case "reasoning":
      return parseReasoning(value, path);
    case "item_reference":
      return referred(parseAt(referenceSchema, value, path).id, path, place);
    default: {
      const known = "message, function_call, function_call_output, reasoning and item_reference";
      throw invalid([...path, "type"], `is ${JSON.stringify(type.slice(0, 100))}: this pool knows ${known}`);
    }
  }
}

type Names = { readonly namespace?: string | null | undefined; readonly name?: string | null | undefined };

/** What was named, and nothing else. */
function named({ namespace: given, name }: Names): { readonly namespace?: string; readonly name?: string } {
  return { ...(given == null ? {} : { namespace: given }), ...(name == null ? {} : { name }) };
}

function parseMessage(value: unknown, path: FieldPath, { model }: InputPlace): MessageItem {
  const { role, phase, content, ...message } = parseAt(messageSchema, value, path);
  const isOwn = role === "assistant";
  if (phase != null && !isOwn) throw invalid([...path, "phase"], "belongs to messages of the role assistant only");
  const place = { path: [...path, "content"], model, isOwn };
  const parts = typeof content === "string" ? [parseText(content, place)] : parseParts(content, place);
  return {
    type: "message",
    id: message.id ?? "",
    status: message.status ?? "completed",
    role,
    ...(phase == null ? {} : { phase }),
    content: parts,
  };
}

type ContentPlace = {
  readonly path: FieldPath;
  readonly model: string;
  /** Whether the model has written it. */
  readonly isOwn: boolean;
};

function parseText(value: string, { path, isOwn }: ContentPlace): ContentPart {
  const content = parseAt(text, value, path);
  return isOwn ? outputText(content) : { type: "input_text", text: content };
}

function outputText(content: string): ContentPart {
  return { type: "output_text", text: content, annotations: [], logprobs: [] };
}

function parseParts(value: unknown, { path, ...place }: ContentPlace): readonly ContentPart[] {
  if (value === undefined) throw invalid(path, "is missing");
  if (!Array.isArray(value)) throw invalid(path, "must be a string or a list of parts");
  if (value.length === 0) throw invalid(path, "must hold at least one part");
  if (value.length > partsMax) throw invalid(path, `must hold at most ${partsMax} parts, not ${value.length}`);
  return value.map((part: unknown, index) => parsePart(part, { ...place, path: [...path, index] }));
}

const inputPart = z.strictObject({
  type: z.literal("input_text"),
  text,
  prompt_cache_breakpoint: promptCacheBreakpoint,
});
// Answers come back as they were sent; what the parts of one mean to a model is their text.
const outputPart = z.strictObject({
  type: z.literal("output_text"),
  text,
  annotations: jsonList.nullish(),
  logprobs: jsonList.nullish(),
  parsed: z.unknown().optional(),
});
const refusalPart = z.strictObject({ type: z.literal("refusal"), refusal: text });

function parsePart(value: unknown, place: ContentPlace): ContentPart {
  const { path, isOwn } = place;
  const type = typeAt(value, path);
  if (type === "input_text") return parseText(parseAt(inputPart, value, path).text, place);
  const isOutput = type === "output_text" || type === "refusal";
  if (isOutput && !isOwn) throw invalid([...path, "type"], "belongs to messages of the role assistant only");
  if (type === "output_text") return outputText(parseAt(outputPart, value, path).text);
  if (type === "refusal") return parseAt(refusalPart, value, path);
  throw unsupportedPart(type, place);
}

function parseOutput(value: unknown, path: FieldPath, { model }: InputPlace): string | readonly ContentPart[] {
  // A tool may have nothing to say.
  if (Array.isArray(value) && value.length === 0) return [];
  return typeof value === "string" ? parseAt(text, value, path) : parseParts(value, { path, model, isOwn: false });
}

const summaryPart = z.strictObject({ type: z.literal("summary_text"), text });
const thoughtPart = z.strictObject({ type: z.literal("reasoning_text"), text });

function parseReasoning(value: unknown, path: FieldPath): ReasoningItem {
  const { encrypted_content: opaque, ...item } = parseAt(reasoningSchema, value, path);
  const thoughts = opaque == null ? null : readThoughts(opaque);
  if (opaque != null && thoughts === null)
    throw invalid([...path, "encrypted_content"], "was made by another service: this pool cannot read it");
  const content = parseTexts(item.content ?? [], [...path, "content"], thoughtPart);
  const isHidden = content.length === 0 && thoughts !== null && thoughts !== "";
  return {
    type: "reasoning",
    id: item.id ?? "",
    status: item.status ?? "completed",
    summary: parseTexts(item.summary, [...path, "summary"], summaryPart),
    content: isHidden ? [{ type: "reasoning_text", text: thoughts }] : content,
    ...(opaque == null ? {} : { encrypted_content: opaque }),
  };
}

function parseTexts<Part>(value: unknown, path: FieldPath, part: z.ZodType<Part>): readonly Part[] {
  if (value === undefined) throw invalid(path, "is missing");
  if (!Array.isArray(value)) throw invalid(path, "must be a list of parts");
  if (value.length > partsMax) throw invalid(path, `must hold at most ${partsMax} parts, not ${value.length}`);
  return value.map((entry: unknown, index) => parseAt(part, entry, [...path, index]));
}

function referred(wanted: string, path: FieldPath, { beforeById, itemOf, mayBeCut }: Reading): Item | null {
  const item = beforeById.get(wanted) ?? itemOf(wanted);
  if (item !== null || mayBeCut) return item;
  const shown = JSON.stringify(wanted.slice(0, 100));
  throw new PomonaError("not_found", `item ${shown} is not kept here: send it in full`, {
    field: `input[${String(path[1])}].id`,
  });
}
