// Kimi K2: a section of calls, each with its name, its number and its arguments.
import { callBeginnings } from "../../output/formats/call-beginnings.ts";
import { gbnfLiteral } from "../gbnf/gbnf-text.ts";
import type { GrammarWriter } from "../gbnf/grammar-writer.ts";
import { blank, type Calls, type RuledTool } from "./calls.ts";

const sectionBegin = "<|tool_calls_section_begin|>";
const sectionEnd = gbnfLiteral("<|tool_calls_section_end|>");
const callBegin = "<|tool_call_begin|>";
const callEnd = gbnfLiteral("<|tool_call_end|>");
const argumentBegin = gbnfLiteral("<|tool_call_argument_begin|>");

export function kimiCalls(writer: GrammarWriter, tools: readonly RuledTool[]): Calls {
  const calls = writer.reserve("calls");
  const more = writer.add("more", `${blank} (${gbnfLiteral(callBegin)} ${calls} | ${sectionEnd} ${blank})?`);
  const between = writer.add("between", `[0-9]{1,4} ${blank} ${argumentBegin} ${blank}`);
  const rests = tools.map(({ name, rule }) => ({
    name,
    rest: writer.add("rest", `${between} ${rule} ${blank} ${callEnd} ${more}`),
  }));
  const named = rests.map(({ name, rest }) => `${gbnfLiteral(`${name}:`)} ${rest}`);
  writer.define(calls, `${blank} "functions." ${writer.add("named", named.join(" | "))}`);
  const section = writer.add("section", `${blank} ${gbnfLiteral(callBegin)} ${calls}`);
  const marked = new Map([
    [sectionBegin, section],
    [callBegin, calls],
  ]);
  const inThoughts = new Map<string, string>();
  // Behind the mark of a section stands what a call without one begins with.
  for (const { name, rest } of rests)
    for (const beginning of callBeginnings("kimi", [name]))
      if (beginning.startsWith(callBegin)) inThoughts.set(beginning, rest);
  return { marked, inThoughts };
}
