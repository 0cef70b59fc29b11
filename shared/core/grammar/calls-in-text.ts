// The whole answer of a model that may call tools of its own accord: free text that never holds what a call begins with, or
// calls. Whatever the parser of the format takes for a call is one whose arguments follow the rules.
import type { AnswerForm } from "../output/answer-form.ts";
import { callBeginnings } from "../output/formats/call-beginnings.ts";
import { deepseekMarkers } from "../output/formats/deepseek-reader.ts";
import { harmonyMarkers } from "../output/formats/harmony-reader.ts";
import { thoughtTags } from "../output/formats/thought-reader.ts";
import { tagsOf } from "../output/output-parser.ts";
import { BareCalls, type BareStyle } from "./calls/bare-calls.ts";
import { blank, type Calls, type RuledTool } from "./calls/calls.ts";
import { kimiCalls } from "./calls/kimi-calls.ts";
import { type TaggedStyle, taggedCalls } from "./calls/tagged-calls.ts";
import { FreeText } from "./free-text.ts";
import { whiteSpace } from "./gbnf/code-points.ts";
import { gbnfLiteral } from "./gbnf/gbnf-text.ts";
import type { GrammarWriter } from "./gbnf/grammar-writer.ts";

/** How an answer may begin, and how its calls are written: with a mark that text does not hold. */
export type CallingForm = Pick<AnswerForm, "format" | "startsInReasoning" | "startsInText"> & {
  readonly style: MarkedStyle;
};

const taggedStyles = ["qwenCoder", "seed", "glm", "minimax"] as const satisfies readonly TaggedStyle[];
const bareStyles = ["llama3", "json"] as const satisfies readonly BareStyle[];
const markedStyles = [
  ...(["hermes", "mistral", "deepseek", "harmony", "kimi"] as const),
  ...taggedStyles,
  ...bareStyles,
] as const;
type MarkedStyle = (typeof markedStyles)[number];

/** Null for forms whose calls have no mark of their own, or are written in more ways than a grammar has. */
export function markedStyle({ format }: AnswerForm): MarkedStyle | null {
  // Gemma's models think in the middle of an answer.
  if (format.thoughts === "gemma") return null;
  return markedStyles.find((style) => style === format.calls) ?? null;
}

/** Whether arguments stand in tags, see `TaggedArguments`. */
export function isTagged(style: MarkedStyle): style is (typeof taggedStyles)[number] {
  return taggedStyles.some((tagged) => tagged === style);
}

function isBare(style: MarkedStyle): style is BareStyle {
  return bareStyles.some((bare) => bare === style);
}

/** The GBNF of the answer; `tools` must not be empty. */
export function callsInText(writer: GrammarWriter, tools: readonly RuledTool[], form: CallingForm): string {
  const { style, format, startsInReasoning, startsInText = false } = form;
  if (style === "harmony") return harmonyAnswer(writer, tools, startsInText);
  const answer = isBare(style) ? new BareCalls(writer, tools, style) : markedCalls(writer, tools, style);
  if (startsInText) return answer.text;
  const tags = tagsOf(format, startsInReasoning);
  if (tags === null) return answer.begin(new Map());
  const [opener, closer] = thoughtTags[tags];
  const { inThoughts } = answer;
  const thoughts = new FreeText(writer, "thoughts", [closer, ...inThoughts.keys()]);
  const behind = answer.begin(new Map());
  thoughts.define((marker) => inThoughts.get(marker) ?? behind, true);
  if (startsInReasoning) return thoughts.start;
  return answer.begin(new Map([[opener, thoughts.start]]));
}

/** Text in which calls begin with marks. */
function markedCalls(writer: GrammarWriter, tools: readonly RuledTool[], style: Parameters<typeof callsBehind>[2]) {
  const { marked, inThoughts } = callsBehind(writer, tools, style);
  const text = new FreeText(writer, "text", [...marked.keys()]);
  text.define((marker) => marked.get(marker) ?? "", true);
  const begin = (ways: ReadonlyMap<string, string>): string =>
    ways.size === 0 ? text.start : text.fork({ hint: "start", ways, skipped: whiteSpace });
  return { begin, text: text.start, inThoughts };
}

function callsBehind(
  writer: GrammarWriter,
  tools: readonly RuledTool[],
  style: Exclude<MarkedStyle, "harmony" | BareStyle>,
): Calls {
  const inThoughts = new Map<string, string>();
  if (isTagged(style)) return taggedCalls(writer, tools, style);
  if (style === "kimi") return kimiCalls(writer, tools);
  if (style === "deepseek") return { marked: deepseekCalls(writer, tools), inThoughts };
  if (style === "mistral") return { marked: new Map([["[TOOL_CALLS]", mistralCalls(writer, tools)]]), inThoughts };
  const calls = writer.reserve("calls");
  const more = writer.add("more", `${blank} ("<tool_call>" ${calls})?`);
  const end = `${blank} "</tool_call>" ${more}`;
  writer.define(calls, `${blank} ${objectRule(writer, tools)} ${end}`);
  for (const { name, rule } of restRules(writer, tools))
    for (const beginning of callBeginnings(style, [name]))
      inThoughts.set(beginning, writer.add("rest", `${rule} ${end}`));
  return { marked: new Map([["<tool_call>", calls]]), inThoughts };
}

/** A call as a JSON object. */
function objectRule(writer: GrammarWriter, tools: readonly RuledTool[], more = ""): string {
  const ws = writer.json("ws");
  const rests = restRules(writer, tools, more).map(({ name, rule }) => `${gbnfLiteral(JSON.stringify(name))} ${rule}`);
  const named = writer.add("named", rests.join(" | "));
  return writer.add("object", `"{" ${ws} ("\\"type\\":" ${ws} "\\"function\\"," ${ws})? "\\"name\\":" ${ws} ${named}`);
}

/** What of such an object follows its name; `more` may stand behind the arguments. */
function restRules(writer: GrammarWriter, tools: readonly RuledTool[], more = ""): readonly RuledTool[] {
  const ws = writer.json("ws");
  const between = writer.add("between", `${ws} "," ${ws} ("\\"arguments\\":" | "\\"parameters\\":") ${ws}`);
  const end = writer.add("end", `${ws} ${more} "}"`);
  return tools.map(({ name, rule }) => ({ name, rule: `${between} ${rule} ${end}` }));
}

/** A list of objects, or since v11 a name and its arguments. */
function mistralCalls(writer: GrammarWriter, tools: readonly RuledTool[]): string {
  const ws = writer.json("ws");
  // Models of tokenizer version 3 give their calls ids.
  const id = `("," ${ws} "\\"id\\":" ${ws} "\\"" [a-zA-Z0-9]{1,64} "\\"" ${ws})?`;
  const object = objectRule(writer, tools, id);
  const named = tools.map(
    ({ name, rule }) => `${gbnfLiteral(name)} ("[CALL_ID]" [a-zA-Z0-9]{1,64})? "[ARGS]" ${blank} ${rule}`,
  );
  const calls = writer.reserve("calls");
  const more = writer.add("more", `${blank} ("[TOOL_CALLS]" ${calls})?`);
  const list = `"[" ${ws} ${object} (${ws} "," ${ws} ${object})* ${ws} "]"`;
  writer.define(calls, `${blank} (${list} | ${writer.add("named", named.join(" | "))}) ${more}`);
  return calls;
}

/** A block of calls, each as R1 or as V3.1 writes it, or a call without its block. */
function deepseekCalls(writer: GrammarWriter, tools: readonly RuledTool[]): ReadonlyMap<string, string> {
  const [blockBegin, blockEnd, callBegin, callEnd, separator] = deepseekMarkers;
  const fenced = tools.map(
    ({ name, rule }) => `${gbnfLiteral(`${name}\n\`\`\`json\n`)} ${rule} ${gbnfLiteral("\n```")}`,
  );
  const bare = tools.map(({ name, rule }) => `${gbnfLiteral(`${name}${separator}`)} ${rule}`);
  const calls = writer.reserve("calls");
  const more = writer.add("more", `${blank} (${gbnfLiteral(callBegin)} ${calls} | ${gbnfLiteral(blockEnd)} ${blank})?`);
  const r1 = `${gbnfLiteral(`function${separator}`)} ${writer.add("fenced", fenced.join(" | "))}`;
  const body = `(${r1} | ${writer.add("call", bare.join(" | "))}) ${blank} ${gbnfLiteral(callEnd)} ${more}`;
  writer.define(calls, body);
  const block = writer.add("block", `${blank} ${gbnfLiteral(callBegin)} ${calls}`);
  return new Map([
    [blockBegin, block],
    [callBegin, calls],
  ]);
}

/** Messages with headers: one that names a recipient is a call, all others are free, thoughts and text alike. */
function harmonyAnswer(writer: GrammarWriter, tools: readonly RuledTool[], startsInText: boolean): string {
  const [start, channel, constrain, message, ...ends] = harmonyMarkers;
  const content = new FreeText(writer, "content", [start, channel, message]);
  const header = new FreeText(writer, "header", [...harmonyMarkers, "to="]);
  content.define((marker) => (marker === message ? content.start : header.start), true);
  const named = writer.add("named", tools.map(({ name, rule }) => `${gbnfLiteral(name)} head ${rule}`).join(" | "));
  // The recipient may stand before the channel.
  const inChannel = `" "? ${gbnfLiteral(channel)} ("commentary" | "analysis")`;
  writer.define("head", `(${inChannel})? " "? ${gbnfLiteral(constrain)}? "json"? ${gbnfLiteral(message)}`);
  const end = ends.map((marker) => gbnfLiteral(marker)).join(" | ");
  const call = writer.add("call", `"functions."? ${named} ${blank} ((${end}) ${content.start})?`);
  header.define((marker) => {
    if (marker === "to=") return call;
    return marker === message || ends.some((known) => known === marker) ? content.start : header.start;
  }, true);
  if (startsInText) return content.start;
  // The prompt may have opened the first header.
  return content.fork({ hint: "start", ways: new Map([["to=", call]]), skipped: whiteSpace });
}
