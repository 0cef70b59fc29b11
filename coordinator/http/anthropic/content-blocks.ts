// The content of messages, block by block, so that a body full of faults costs no more than its first.
import { z } from "zod";
import { type FieldPath, invalid, onlyNothing, parseAt, text, typeAt } from "../requests/field.ts";
import { textAlone } from "../requests/text-alone.ts";
import { cacheControl } from "./cache-control.ts";

const blocksMax = 4096;

export type BlockPlace = {
  readonly path: FieldPath;
  /** Named where it cannot take what it is given. */
  readonly model: string;
};

const textBlock = z.strictObject({
  type: z.literal("text"),
  text,
  cache_control: cacheControl,
  citations: onlyNothing(),
});

export type OtherBlock = {
  readonly kind: "other";
  readonly type: string;
  readonly value: unknown;
  readonly path: FieldPath;
};

export type ContentBlock = { readonly kind: "text"; readonly text: string } | OtherBlock;

/** A string, or blocks; those that are no text are left to the caller. @throws PomonaError that names the field. */
export function parseBlocks(value: unknown, { path }: BlockPlace): readonly ContentBlock[] {
  if (value === undefined || value === null) throw invalid(path, "is missing");
  if (typeof value === "string") {
    if (value === "") throw invalid(path, "must not be empty");
    return [{ kind: "text", text: parseAt(text, value, path) }];
  }
  if (!Array.isArray(value)) throw invalid(path, "must be a string or a list of content blocks");
  if (value.length === 0) throw invalid(path, "must hold at least one block");
  if (value.length > blocksMax) throw invalid(path, `must hold at most ${blocksMax} blocks, not ${value.length}`);
  return value.map((item: unknown, index) => {
    const at = [...path, index];
    const type = typeAt(item, at);
    if (type !== "text") return { kind: "other", type, value: item, path: at };
    return { kind: "text", text: parseAt(textBlock, item, at).text };
  });
}

/** Content that is text alone. */
export function parseTexts(value: unknown, place: BlockPlace): readonly string[] {
  return parseBlocks(value, place).map((found) => {
    if (found.kind === "other") throw unsupportedBlock(found, place.model);
    return found.text;
  });
}

/** Each is a paragraph. */

export function joinTexts(texts: readonly string[]): string {
  return texts.filter((piece) => piece !== "").join("\n");
}

/** Whose messages blocks belong to that are taken there. */
const owners: Readonly<Record<string, string>> = {
  tool_use: "the assistant",
  thinking: "the assistant",
  redacted_thinking: "the assistant",
  tool_result: "the user",
  tool_reference: "the user, in a tool_result",
  tool_addition: "the system",
  tool_removal: "the system",
};

const media = ["image", "document", "search_result", "container_upload"];

/** Of images, documents, what tools that are run elsewhere have left, and blocks in the wrong place. */
export function unsupportedBlock({ type, path }: OtherBlock, model: string) {
  // Named as the API names it: agents take an image out that stands so in an error, and go on.
  if (media.includes(type)) return invalid([...path, type], `cannot be read: ${textAlone(model)}`);
  const owner = Object.hasOwn(owners, type) ? owners[type] : undefined;
  const shown = JSON.stringify(type.slice(0, 100));
  const reason =
    owner === undefined ? "this pool knows no such block, and runs no tools" : `it belongs into messages of ${owner}`;
  return invalid([...path, "type"], `is ${shown}: ${reason}`);
}
