import { PomonaError } from "../errors.ts";
import type { Strictness } from "../generation.ts";
import { runThrough, type Slices } from "../slices.ts";
import { gbnfLiteral } from "./gbnf/gbnf-text.ts";
import { GrammarWriter } from "./gbnf/grammar-writer.ts";
import type { WorkBudget } from "./gbnf/work-budget.ts";
import { relaxedSchema } from "./schema/relaxed-schema.ts";
import { SchemaCompiler } from "./schema/schema-compiler.ts";
import { type LocatedSchema, SchemaDocument } from "./schema/schema-document.ts";
import type { Conjunction } from "./schema/schema-shapes.ts";

/** A tool and the JSON schema of its arguments; none is a tool without arguments. */
export type ChoosableTool = {
  readonly name: string;
  readonly parameters?: unknown;
  /** Where the schema stands in the request, for errors; `tools[INDEX].function.parameters` by default. */
  readonly field?: string;
  /** See `ToolDefinition`. */
  readonly strict?: Strictness;
};

/** Any of the tools, or this one. */
export type ToolChoice = "required" | { readonly name: string };

/** How a family of models writes a call: what stands around its name and around its arguments. */
const styles = {
  /** Hermes 2 Pro, Qwen 2.5 and 3: NousResearch/Hermes-Function-Calling, README. */
  hermes: jsonCall("arguments", "<tool_call>\n", "\n</tool_call>"),
  /** Llama 3.1: llama-models, prompt format, "JSON based tool calling". */
  llama3: jsonCall("parameters"),
  /** Mistral 7B v0.3 to Mistral Small 3.1: mistral-common, instruct tokenizers v2 and v3. */
  mistral: jsonCall("arguments", "[TOOL_CALLS][", "]"),
  /** DeepSeek V3.1: its chat template. */
  deepseek: {
    before: gbnfLiteral("<\uff5ctool\u2581calls\u2581begin\uff5c><\uff5ctool\u2581call\u2581begin\uff5c>"),
    name: gbnfLiteral,
    between: gbnfLiteral("<\uff5ctool\u2581sep\uff5c>"),
    after: gbnfLiteral("<\uff5ctool\u2581call\u2581end\uff5c><\uff5ctool\u2581calls\u2581end\uff5c>"),
  },
  /** gpt-oss: openai/harmony, docs/format.md. The call ends with the answer. */
  harmony: {
    before: gbnfLiteral("<|channel|>commentary to=functions."),
    name: gbnfLiteral,
    between: gbnfLiteral(" <|constrain|>json<|message|>"),
    after: "",
  },
  /** A bare object, for models without a form of their own. */
  json: jsonCall("arguments"),
} as const satisfies Record<string, CallStyle>;

/** Parts of GBNF. */
type CallStyle = {
  readonly before: string;
  readonly name: (name: string) => string;
  readonly between: string;
  readonly after: string;
};

export type ToolCallStyle = keyof typeof styles;

// The keys of a literal are these and no others.
export const toolCallStyles = Object.keys(styles) as readonly ToolCallStyle[];

function jsonCall(argumentsName: string, before = "", after = ""): CallStyle {
  return {
    before: `${gbnfLiteral(`${before}{"name":`)} " "?`,
    name: (name) => gbnfLiteral(JSON.stringify(name)),
    between: `"," " "? ${gbnfLiteral(`"${argumentsName}":`)} " "?`,
    after: gbnfLiteral(`}${after}`),
  };
}

/**
 * The GBNF grammar of exactly one call of one of the tools, with arguments that match its schema, see
 * `compileJsonSchema`. Throws as `callBody`.
 */
export function compileToolChoice(tools: readonly ChoosableTool[], choice: ToolChoice, style: ToolCallStyle): string {
  const writer = new GrammarWriter("tools");
  return runThrough(writer.finish(runThrough(callBody(writer, { tools, choice, style }))));
}

export type Call = {
  readonly tools: readonly ChoosableTool[];
  readonly choice: ToolChoice;
  readonly style: ToolCallStyle;
};

/**
 * Adds the rules of one call to a grammar that has none yet, and returns its body. Throws `invalid_request` when there is
 * no such tool, two have the same name, or the schema of one that may be chosen cannot be compiled.
 */
export function* callBody(writer: GrammarWriter, { tools, choice, style }: Call): Slices<string> {
  checkNames(tools);
  const isChosen = ({ name }: ChoosableTool): boolean => choice === "required" || name === choice.name;
  const { before, name, between, after } = styles[style];
  const calls: string[] = [];
  for (const [index, tool] of tools.entries()) {
    if (!isChosen(tool)) continue;
    const rule = argumentsRule(writer, tool, index);
    calls.push(`${name(tool.name)} between ${rule}`);
    yield;
  }
  if (calls.length === 0) failChoice(tools, choice);
  writer.define("between", between);
  const call = writer.add("call", calls.join(" | "));
  return [before, call, after].filter((part) => part !== "").join(" ");
}

/** The rule for arguments that match the tool's schema. @throws PomonaError `invalid_request` as `compileJsonSchema`. */
export function argumentsRule(writer: GrammarWriter, tool: ChoosableTool, index: number): string {
  const { document, schemas } = openSchema(tool, index, writer.budget);
  const compiler = new SchemaCompiler(document, writer);
  const rule = compiler.ruleFor(schemas);
  compiler.finish();
  return rule;
}

/**
 * The schema of a tool's arguments, as far as it can be enforced where the tool is not strict, and what has to hold for them:
 * whatever it leaves open, they are an object.
 */
export function openSchema(
  tool: ChoosableTool,
  index: number,
  budget: WorkBudget,
): { readonly document: SchemaDocument; readonly schemas: Conjunction } {
  const schema = tool.parameters ?? { type: "object", properties: {}, additionalProperties: false };
  const document = new SchemaDocument(schema, tool.field ?? `tools[${index}].function.parameters`, {
    budget,
    ...(tool.strict === "always" ? {} : { relax: relaxedSchema }),
  });
  const isObject: LocatedSchema = { schema: { type: "object" }, pointer: "the arguments" };
  return { document, schemas: [document.root, isObject] };
}

/** @throws PomonaError `invalid_request` for two tools of the same name. */
export function checkNames(tools: readonly ChoosableTool[]): void {
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
