// Documents and results of searches that are text: the model reads them where they stand.
import { z } from "zod";
import { only, parseAt, text } from "../requests/field.ts";
import { cacheControl } from "./cache-control.ts";
import { type BlockPlace, type ContentBlock, joinTexts, parseTexts, unsupportedBlock } from "./content-blocks.ts";

/** Nothing here finds out what an answer has from where. */
const citations = z.strictObject({ enabled: only(false) }).nullish();

const documentBlock = z.strictObject({
  type: z.literal("document"),
  source: z.looseObject({ type: z.string() }),
  title: text.nullish(),
  context: text.nullish(),
  citations,
  cache_control: cacheControl,
});
const plainSource = z.strictObject({ type: z.literal("text"), media_type: z.literal("text/plain"), data: text });
const contentSource = z.strictObject({ type: z.literal("content"), content: z.unknown() });

const searchBlock = z.strictObject({
  type: z.literal("search_result"),
  source: text,
  title: text,
  content: z.unknown(),
  citations,
  cache_control: cacheControl,
});

/** What a block says that is text, or full of it. @throws PomonaError for files, and what else is no text. */
export function textOf(block: ContentBlock, model: string): string {
  if (block.kind === "text") return block.text;
  const { type, value, path } = block;
  if (type === "search_result") {
    const { title, source, content } = parseAt(searchBlock, value, path);
    return joinTexts([title, source, ...parseTexts(content, { path: [...path, "content"], model })]);
  }
  if (type !== "document") throw unsupportedBlock(block, model);
  const { source, title, context } = parseAt(documentBlock, value, path);
  if (source.type !== "text" && source.type !== "content") throw unsupportedBlock(block, model);
  return joinTexts([title ?? "", context ?? "", ...sourceTexts(source, { path: [...path, "source"], model })]);
}

function sourceTexts(source: { readonly type: string }, { path, model }: BlockPlace): readonly string[] {
  if (source.type === "text") return [parseAt(plainSource, source, path).data];
  return parseTexts(parseAt(contentSource, source, path).content, { path: [...path, "content"], model });
}
