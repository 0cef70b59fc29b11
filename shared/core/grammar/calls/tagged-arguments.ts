// Arguments in tags, each as a text of its own: those whose schema is a text stand as they are, all others as JSON.
import type { TaggedCallsOptions } from "../../output/formats/tagged-calls-reader.ts";
import { textParametersOf } from "../../output/text-parameters.ts";
import { type ChoosableTool, openSchema } from "../compile-tool-choice.ts";
import { FreeText } from "../free-text.ts";
import { gbnfLiteral } from "../gbnf/gbnf-text.ts";
import type { GrammarWriter } from "../gbnf/grammar-writer.ts";
import { SchemaCompiler } from "../schema/schema-compiler.ts";
import type { SchemaDocument } from "../schema/schema-document.ts";
import { SchemaReader } from "../schema/schema-reader.ts";
import type { Conjunction, ObjectShape, PropertyShape, StringShape } from "../schema/schema-shapes.ts";
import { type Automaton, automatonWithout, intersectAutomata, pruneAutomaton } from "../strings/automaton.ts";
import { CountedCharacters } from "../strings/counted-characters.ts";
import { stringAutomaton } from "../strings/string-automaton.ts";
import { addBareTextRules } from "../strings/string-rules.ts";
import { addWordRules } from "../strings/word-rules.ts";
import { blank } from "./calls.ts";

/** Longest text whose length is counted in states; beyond it one with a length that holds `<` is counted by its parts. */
const countedMax = 64;
/** Characters of a part that begins with `<`, at most. */
const partLengthMax = 5;

/** How a call's arguments are written in one format. The writer's JSON is that between tags. */
export class TaggedArguments {
  readonly #writer: GrammarWriter;
  readonly #options: TaggedCallsOptions;
  /** Any text up to the end of a value, and with it. */
  readonly #anyText: string;
  #anyPairs: string | null = null;
  /** Of texts without `<`. */
  readonly #characters: CountedCharacters;
  readonly #parts: CountedCharacters;

  constructor(writer: GrammarWriter, options: TaggedCallsOptions) {
    this.#writer = writer;
    this.#options = options;
    this.#characters = new CountedCharacters(writer, () => "[^<\\x00]");
    this.#parts = new CountedCharacters(writer, () => partRule(this.#valueEnd));
    const text = new FreeText(writer, "value", [this.#valueEnd]);
    text.define(() => "", false);
    this.#anyText = text.start;
  }

  get #valueEnd(): string {
    return this.#options.value[1];
  }

  /** The rule of arguments of a tool that is not strict. */
  anything(): string {
    this.#anyPairs ??= this.#writer.add("pairs", this.#others(this.#anyText));
    return this.#anyPairs;
  }

  /** Names without quotes, read without the space around them. */
  #others(value: string): string {
    return `${this.#writer.add("pair", `${this.#pair('[^<>"\\x00-\\x20] [^<>"\\x00-\\x1f]{0,63}', value)} ${blank}`)}*`;
  }

  /** The rule of arguments that match the tool's schema. @throws PomonaError `invalid_request` as `compileJsonSchema`. */
  ruleFor(tool: ChoosableTool, index: number): string {
    const { document, schemas } = openSchema(tool, index, this.#writer.budget);
    const compiler = new SchemaCompiler(document, this.#writer);
    const reader = new SchemaReader(document);
    const values = { document, compiler, reader, texts: new Set(textParametersOf(tool.parameters)) };
    const bodies = reader.shapes(schemas).map(({ shape }) => {
      if (shape.kind === "object") return this.#pairs(shape, values);
      return document.fail(
        "this model writes arguments one by one, which cannot be enforced where all are listed together",
      );
    });
    compiler.finish();
    return this.#writer.add("arguments", bodies.join(" | "));
  }

  /** The properties in their order, then others where no property is listed. */
  #pairs({ properties, others, names }: ObjectShape, values: Values): string {
    const [firstName] = names;
    if (firstName !== undefined)
      values.document.refuse("propertyNames", firstName, "this model writes names without quotes");
    let next = "";
    if (others !== null && properties.length === 0) next = this.#others(this.#value(others, values));
    for (const property of [...properties].reverse()) {
      const pair = this.#propertyPair(property, values);
      if (pair === null) continue;
      const rest = next === "" ? "" : this.#writer.add("rest", next);
      next = property.isRequired ? `${pair} ${blank} ${rest}` : `${rest} | ${pair} ${blank} ${rest}`;
    }
    return this.#writer.add("pairs", next === "" ? '""' : next);
  }

  /** Null for one that cannot be written, and need not be. */
  #propertyPair({ name, schemas, isRequired }: PropertyShape, values: Values): string | null {
    const isSayable = isNameInTag(name) && schemas !== null;
    if (!isSayable && isRequired) values.document.fail(`this model cannot write the required property \`${name}\``);
    if (!isSayable) return null;
    const value = values.texts.has(name) ? this.#text(schemas, values) : this.#value(schemas, values);
    return this.#pair(gbnfLiteral(name), value);
  }

  /** `value` is the rule of a value up to its end, and with it. */
  #pair(name: string, value: string): string {
    const { key, value: tags, isValueOnLines } = this.#options;
    const between = tags[0] === null ? "" : `${blank} ${gbnfLiteral(tags[0])}`;
    return `${gbnfLiteral(key[0])} ${name} ${gbnfLiteral(key[1])} ${between} ${isValueOnLines ? '"\\n"' : ""} ${value}`;
  }

  #value(schemas: Conjunction, { reader, compiler }: Values): string {
    const isAny = reader.shapes(schemas).some(({ shape }) => shape.kind === "any");
    return isAny ? this.#anyText : this.#ended(compiler.ruleFor(schemas));
  }

  /** A value that is read as a text whatever it looks like. */
  #text(schemas: Conjunction, values: Values): string {
    const { document, reader } = values;
    const shapes = reader.shapes(schemas).map(({ shape }) => shape);
    if (shapes.some(({ kind }) => kind === "any")) return this.#anyText;
    const listed = shapes.flatMap((shape) => (shape.kind === "values" ? shape.values : []));
    const words = listed.filter((value) => typeof value === "string").filter((word) => !word.includes(this.#valueEnd));
    const bodies = words.length === 0 ? [] : [this.#ended(this.#wordsRule(words, document))];
    for (const shape of shapes) if (shape.kind === "string") bodies.push(this.#stringRule(shape, values));
    if (bodies.length === 0) document.fail(`no text of the schema at ${schemas[0]?.pointer ?? "#"} can be written`);
    return bodies.length === 1 ? (bodies[0] ?? "") : this.#writer.add("text", bodies.join(" | "));
  }

  #wordsRule(words: readonly string[], document: SchemaDocument): string {
    document.spend(words.join("").length, "the listed values of the schema, or of all together, are too long");
    return addWordRules(this.#writer, words, { hint: "word", spell: (text) => text, end: "" });
  }

  #stringRule(shape: StringShape, values: Values): string {
    const document: SchemaDocument = values.document;
    const { minLength, maxLength, patterns } = shape;
    const hasLength = minLength > 0 || maxLength !== null;
    if (!hasLength && patterns.length === 0) return this.#anyText;
    if (patterns.length === 0 && (maxLength ?? minLength) > countedMax)
      return this.#ended(this.#countedText(minLength, maxLength));
    const automaton = stringAutomaton(document, shape, true);
    const refuse = (reason: string): never => document.fail(reason);
    const limits = { budget: document.budget, refuse };
    const sayable: Automaton | null =
      automaton === null
        ? null
        : pruneAutomaton(intersectAutomata(automaton, automatonWithout(this.#valueEnd), limits));
    if (sayable === null) document.fail("no text of the schema can be written");
    return this.#ended(addBareTextRules(this.#writer, sayable, "text"));
  }

  /** A long text: without `<`, or of so few parts that it has no more characters than it may. */
  #countedText(least: number, most: number | null): string {
    const partsMost = most === null ? null : Math.floor(most / partLengthMax);
    const bodies = most === null ? [] : [this.#characters.between(least, most)];
    if (partsMost === null || partsMost >= least) bodies.push(this.#parts.between(least, partsMost));
    return this.#writer.addOnce("text", bodies.join(" | "));
  }

  #ended(value: string): string {
    const end = gbnfLiteral(`${this.#options.isValueOnLines ? "\n" : ""}${this.#valueEnd}`);
    return this.#writer.addOnce("value", `${value} ${end}`);
  }
}

type Values = {
  readonly document: SchemaDocument;
  readonly compiler: SchemaCompiler;
  readonly reader: SchemaReader;
  /** Parameters that are read as texts. */
  readonly texts: ReadonlySet<string>;
};

/** A character, or `<` and what shows that the end of the value does not begin there. */
function partRule(valueEnd: string): string {
  const bodies = ["[^<\\x00]", `"<<" ${notOf("/")}`];
  for (let length = 1; length < partLengthMax; length += 1)
    bodies.push(`${gbnfLiteral(valueEnd.slice(0, length))} ${notOf(valueEnd.charAt(length))}`);
  return `(${bodies.join(" | ")})`;
}

function notOf(next: string): string {
  return `[^<${next}\\x00]`;
}

/** Longest name that is read. */
const nameLengthMax = 250;

/** Whether a name is read as it was written: none of the formats has quotes for it. */
function isNameInTag(name: string): boolean {
  return name.length <= nameLengthMax && name.trim() === name && /^[^<>"\p{Cc}]+$/u.test(name);
}
