import { PomonaError } from "../errors.ts";
import { gbnfLiteral } from "./gbnf/gbnf-text.ts";
import { GrammarWriter } from "./gbnf/grammar-writer.ts";
import { SchemaCompiler } from "./schema/schema-compiler.ts";
import { type LocatedSchema, SchemaDocument } from "./schema/schema-document.ts";

/** A tool and the JSON schema of its arguments; none is a tool without arguments. */
export type ChoosableTool = { readonly name: string; readonly parameters?: unknown };

/** Any of the tools, or this one. */
export type ToolChoice = "required" | { readonly name: string };

/** How a family of models writes a call; `…` is the arguments. */
const styles = {
  /** Hermes 2 Pro, Qwen 2.5 and 3: NousResearch/Hermes-Function-Calling, README. */
  hermes: { before: "<tool_call>\n", arguments: "arguments", after: "\n</tool_call>" },
  /** Llama 3.1: llama-models, prompt format, "JSON based tool calling". */
  llama3: { before: "", arguments: "parameters", after: "" },
  /** Mistral 7B v0.3 to Mistral Small 3.1: mistral-common, instruct tokenizers v2 and v3. */
  mistral: { before: "[TOOL_CALLS][", arguments: "arguments", after: "]" },
  /** A bare object, for models without a form of their own. */
  json: { before: "", arguments: "arguments", after: "" },
} as const satisfies Record<string, { before: string; arguments: string; after: string }>;

export type ToolCallStyle = keyof typeof styles;

/**
 * The GBNF grammar of exactly one call of one of the tools, with arguments that match its schema, see
 * `compileJsonSchema`. Throws `invalid_request` when there is no such tool, two have the same name, or the schema of one
 * that may be chosen cannot be compiled.
 */
export function compileToolChoice(tools: readonly ChoosableTool[], choice: ToolChoice, style: ToolCallStyle): string {
  checkNames(tools);
  const isChosen = ({ name }: ChoosableTool): boolean => choice === "required" || name === choice.name;
  const writer = new GrammarWriter("tools");
  const { before, arguments: argumentsName, after } = styles[style];
  const calls: string[] = [];
  for (const [index, tool] of tools.entries()) {
    if (!isChosen(tool)) continue;
    const rule = argumentsRule(writer, tool, index);
    calls.push(`${gbnfLiteral(JSON.stringify(tool.name))} rest ${rule}`);
  }
  if (calls.length === 0) failChoice(tools, choice);
  writer.define("rest", `"," " "? ${gbnfLiteral(`"${argumentsName}":`)} " "?`);
  const call = writer.add("call", calls.join(" | "));
  const body = `${gbnfLiteral(`${before}{"name":`)} " "? ${call} ${gbnfLiteral(`}${after}`)}`;
  return writer.finish(body);
}

function argumentsRule(writer: GrammarWriter, tool: ChoosableTool, index: number): string {
  const schema = tool.parameters ?? { type: "object", properties: {}, additionalProperties: false };
  const document = new SchemaDocument(schema, `tools[${index}].function.parameters`);
  const compiler = new SchemaCompiler(document, writer);
  const isObject: LocatedSchema = { schema: { type: "object" }, pointer: "the arguments" };
  const rule = compiler.ruleFor([document.root, isObject]);
  compiler.finish();
  return rule;
}

function checkNames(tools: readonly ChoosableTool[]): void {
  const names = new Set<string>();
  for (const [index, { name }] of tools.entries()) {
    const field = `tools[${index}].function.name`;
    const shown = name.slice(0, 64);
    if (names.has(name)) throw new PomonaError("invalid_request", `two tools have the name \`${shown}\``, { field });
    names.add(name);
    if (/[\p{Surrogate}]/u.test(name)) {
      throw new PomonaError("invalid_request", "the name of a tool holds half a surrogate pair", { field });
    }
  }
}

function failChoice(tools: readonly ChoosableTool[], choice: ToolChoice): never {
  const names = tools.map(({ name }) => name.slice(0, 64)).slice(0, 20);
  const wanted =
    choice === "required" ? "a tool has to be called" : `the tool \`${choice.name.slice(0, 64)}\` is wanted`;
  const message = `${wanted}, but the request has ${names.length === 0 ? "no tools" : `only ${names.join(", ")}`}`;
  throw new PomonaError("invalid_request", message, { field: "tool_choice" });
}
