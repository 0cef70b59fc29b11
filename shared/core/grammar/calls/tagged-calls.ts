// Calls whose name and arguments stand in tags: Qwen3-Coder, GLM, MiniMax, Seed-OSS.
import { callBeginnings } from "../../output/formats/call-beginnings.ts";
import { type TaggedCallsOptions, taggedFormats } from "../../output/formats/tagged-calls-reader.ts";
import { gbnfLiteral } from "../gbnf/gbnf-text.ts";
import type { GrammarWriter } from "../gbnf/grammar-writer.ts";
import { blank, type Calls, type RuledTool } from "./calls.ts";

export type TaggedStyle = keyof typeof taggedFormats;

/** The rules of the tools are those of `TaggedArguments`. */
export function taggedCalls(writer: GrammarWriter, tools: readonly RuledTool[], style: TaggedStyle): Calls {
  const { block, name: around, callEnd }: TaggedCallsOptions = taggedFormats[style];
  const calls = writer.reserve("calls");
  const [nameBegin, nameEnd] = around ?? ["", ""];
  const inBlock = `${gbnfLiteral(block[0])} ${blank}`;
  const begin = around === null ? inBlock : `(${inBlock})? ${gbnfLiteral(nameBegin)}`;
  const blockEnd = around === null ? "" : `(${gbnfLiteral(block[1])} ${blank})?`;
  const more = writer.add("more", `${blank} ${blockEnd} (${begin} ${calls})?`);
  const rests = tools.map(({ name, rule }) => {
    const rest = `${blank} ${rule} ${gbnfLiteral(callEnd)} ${more}`;
    return { name, rest: writer.add("rest", rest) };
  });
  writer.define(calls, rests.map(({ name, rest }) => `${gbnfLiteral(name + nameEnd)} ${rest}`).join(" | "));
  const inThoughts = new Map<string, string>();
  // Behind the mark of a block stands what a call without one begins with.
  for (const { name, rest } of rests)
    for (const beginning of callBeginnings(style, [name]))
      if (beginning.startsWith(nameBegin)) inThoughts.set(beginning, rest);
  if (around === null) return { marked: new Map([[block[0], writer.add("block", `${blank} ${calls}`)]]), inThoughts };
  const marked = new Map([
    [block[0], writer.add("block", `${blank} ${gbnfLiteral(nameBegin)} ${calls}`)],
    [nameBegin, calls],
  ]);
  return { marked, inThoughts };
}
