// Calls as JSON objects that need no mark: an answer that begins with an object may be a call, and may be a text that is JSON. It
// is a call from the name of a tool on; what would make a call of it behind other members is left out.
import { jsonFormats } from "../../output/formats/json-formats.ts";
import { FreeText } from "../free-text.ts";
import { whiteSpace } from "../gbnf/code-points.ts";
import { gbnfLiteral } from "../gbnf/gbnf-text.ts";
import type { GrammarWriter } from "../gbnf/grammar-writer.ts";
import { automatonExceptWords } from "../strings/automaton.ts";
import { addStringRules } from "../strings/string-rules.ts";
import { blank, type RuledTool } from "./calls.ts";

export type BareStyle = "llama3" | "json";

/** What stands in ordinary texts too, so that anything may follow. */
const softOpeners: readonly string[] = ["functools", "```json"];
/** Keys of a call. */
const callKeys = ["name", "tool_name", "function", "arguments", "parameters"] as const;
const nameKey = '("name\\"" | "tool_name\\"")';

export class BareCalls {
  readonly #writer: GrammarWriter;
  readonly #text: FreeText;
  /** Behind the `{` of an object that is a call or is none. */
  readonly #object: string;
  /** Behind a bracket, and what may surround an object that is a call or is none. */
  readonly #maybe: string;

  constructor(writer: GrammarWriter, tools: readonly RuledTool[], style: BareStyle) {
    const { openers, closers } = jsonFormats[style];
    const isHard = (opener: string): boolean => !softOpeners.includes(opener);
    this.#writer = writer;
    this.#text = new FreeText(writer, "text", openers);
    this.#maybe = writer.reserve("maybe");
    this.#object = writer.reserve("object");
    const names = tools.map(({ name }) => name);
    const known = writer.reserve("known");
    const ws = writer.json("ws");
    const prefix = `"\\"type\\":" ${ws} "\\"function\\"" | "\\"tool_call_id\\":" ${ws} "\\"" [a-zA-Z0-9_-]{1,64} "\\""`;
    const call = writer.add("call", `${ws} ((${prefix}) "," ${ws})? "\\"" ${nameKey} ":" ${ws} "\\"" ${known}`);
    const strict = writer.add("strict", `${blank} ("[" ${blank})? "{" ${call}`);
    const closer = closers.map((one) => gbnfLiteral(one)).join(" | ");
    const opener = openers.filter(isHard).map((one) => gbnfLiteral(one));
    const separator = `${blank} ("]" ${blank})? ([;,] ${blank})?`;
    const again = `((${closer}) ${blank})? ((${opener.join(" | ")}) ${strict})?`;
    const after = writer.add("after", `${separator} ("{" ${call} | ${again})`);
    this.#defineKnown(known, tools, after);
    this.#text.define((marker) => (isHard(marker) ? strict : this.#maybe), true);
    this.#defineMaybe(names);
    this.#defineObject(known, names);
  }

  /** Calls that these models write into their thoughts are thoughts. */
  readonly inThoughts: ReadonlyMap<string, string> = new Map();

  /** The rule of a text that has begun: calls in it have marks. */
  get text(): string {
    return this.#text.start;
  }

  /** The rule of an answer, which may also begin with one of some literals. */
  begin(ways: ReadonlyMap<string, string>): string {
    const objects = [
      ["{", this.#object],
      ["[", this.#maybe],
    ] as const;
    return this.#text.fork({ hint: "start", ways: new Map([...ways, ...objects]), skipped: whiteSpace });
  }

  /** Behind the quotation mark that opens the name. */
  #defineKnown(known: string, tools: readonly RuledTool[], after: string): void {
    const writer = this.#writer;
    const ws = writer.json("ws");
    const between = writer.add("between", `${ws} "," ${ws} ("\\"arguments\\":" | "\\"parameters\\":") ${ws}`);
    const end = writer.add("end", `${ws} "}" ${after}`);
    const rests = tools.map(
      ({ name, rule }) => `${gbnfLiteral(JSON.stringify(name).slice(1))} ${between} ${rule} ${end}`,
    );
    writer.define(known, rests.join(" | "));
  }

  /** Names before a parenthesis would be calls as in Python. */
  #defineMaybe(names: readonly string[]): void {
    const behindName = ["(", ...whiteSpace.flatMap(([low, high]) => charactersFrom(low, high))];
    const pythonCalls = names.flatMap((name) =>
      behindName.flatMap((next) => [`${name}${next}`, `${name}.call${next}`]),
    );
    const ways = new Map<string, string | null>([
      ["{", this.#object],
      ...pythonCalls.map((one) => [one, null] as const),
    ]);
    const skipped = [...whiteSpace, [0x5b, 0x5b] as const];
    this.#writer.define(this.#maybe, this.#text.fork({ hint: "maybe", ways, skipped }));
  }

  #defineObject(known: string, names: readonly string[]): void {
    const writer = this.#writer;
    const text = this.#text;
    const ws = writer.json("ws");
    const unknown = writer.add(
      "unknown",
      `${addStringRules(writer, automatonExceptWords(names), "unknown")} ${text.start}`,
    );
    const nameBehind = (rule: string): string =>
      text.fork({ hint: "name", ways: new Map([['"', rule]]), skipped: whiteSpace });
    const key = addStringRules(writer, automatonExceptWords(callKeys), "key");
    const member = writer.reserve("member");
    const rest = `("," ${ws} "\\"" ${member} | "}" ${text.start})`;
    const other = writer.add("other", `${key} ${ws} ":" ${ws} ${writer.json("value")} ${ws} ${rest}`);
    writer.define(member, `${nameKey} ${ws} ":" ${nameBehind(unknown)} | ${other}`);
    const first = nameBehind(writer.add("named", `${known} | ${unknown}`));
    const typed = `"type\\":" ${ws} "\\"function\\"," ${ws} "\\"name\\":" ${ws} "\\"" ${known}`;
    const begin = writer.add("begin", `${nameKey} ${ws} ":" ${first} | ${typed} | ${other}`);
    const object = text.fork({ hint: "object", ways: new Map([['"', begin]]), skipped: whiteSpace });
    writer.define(this.#object, object);
  }
}

function charactersFrom(low: number, high: number): string[] {
  return Array.from({ length: high - low + 1 }, (_, index) => String.fromCodePoint(low + index));
}
