import { unreachable } from "../../assert.ts";
import type { GrammarWriter } from "../gbnf/grammar-writer.ts";
import {
  type Automaton,
  acceptsWord,
  automatonExceptWords,
  automatonOfWords,
  intersectAutomata,
  pruneAutomaton,
} from "../strings/automaton.ts";
import { CountedCharacters } from "../strings/counted-characters.ts";
import { parsePattern } from "../strings/regex-syntax.ts";
import { stringAutomaton } from "../strings/string-automaton.ts";
import { addStringRules } from "../strings/string-rules.ts";
import { addWordRules } from "../strings/word-rules.ts";
import { arrayBody, objectBody } from "./container-rules.ts";
import { integerRange, numberRange } from "./number-ranges.ts";
import type { SchemaDocument } from "./schema-document.ts";
import type { PatternFact } from "./schema-facts.ts";
import { type ReadShape, SchemaReader } from "./schema-reader.ts";
import {
  type Conjunction,
  keyOf,
  type NumberShape,
  type ObjectShape,
  type Shape,
  type StringShape,
} from "./schema-shapes.ts";

/** Of the budget, for a letter of names that others are told from: each is a state, and a rule. */
const letterWork = 4;

/** Adds the rules of one schema to a grammar. Call `finish` when all that is wanted was asked for. */
export class SchemaCompiler {
  readonly #document: SchemaDocument;
  readonly #writer: GrammarWriter;
  readonly #reader: SchemaReader;
  readonly #characters: CountedCharacters;
  readonly #names = new Map<string, string>();
  readonly #valueRules = new Map<string, string>();
  readonly #open: { readonly name: string; readonly read: ReadShape }[] = [];

  constructor(document: SchemaDocument, writer: GrammarWriter) {
    this.#document = document;
    this.#writer = writer;
    this.#reader = new SchemaReader(document);
    this.#characters = new CountedCharacters(writer);
  }

  /** The rule for the values that match all the schemas. Its own rules are added by `finish`: schemas may be recursive. */
  ruleFor(schemas: Conjunction): string {
    const key = keyOf(schemas);
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const reads = writableOf(this.#reader.shapes(schemas));
    const listed = reads.flatMap(({ shape }) => (shape.kind === "values" ? shape.values : []));
    const rules = reads.filter(({ shape }) => shape.kind !== "values").map((read) => this.#ruleOfShape(read));
    if (listed.length > 0) rules.push(this.#ruleOfValues(listed, hintOf(key)));
    const [only, ...others] = rules;
    const name = only !== undefined && others.length === 0 ? only : this.#writer.add(hintOf(key), rules.join(" | "));
    this.#names.set(key, name);
    return name;
  }

  /** Defines what is still open. */
  finish(): void {
    for (let next = this.#open.pop(); next !== undefined; next = this.#open.pop()) {
      this.#writer.define(next.name, this.#bodyOf(next.read));
    }
  }

  #ruleOfShape(read: ReadShape): string {
    const simple = this.#simpleRule(read.shape);
    if (simple !== null) return simple;
    const known = this.#names.get(read.key);
    if (known !== undefined) return known;
    const name = this.#writer.reserve(hintOf(read.key));
    this.#names.set(read.key, name);
    this.#open.push({ name, read });
    return name;
  }

  /** The rule of JSON itself that says the same, if there is one. */
  #simpleRule(shape: Shape): string | null {
    switch (shape.kind) {
      case "any":
        return this.#writer.json("value");
      case "null":
      case "boolean":
        return this.#writer.json(shape.kind);
      case "integer":
      case "number": {
        const { minimum, maximum } = shape.range;
        return minimum === null && maximum === null ? this.#writer.json(shape.kind) : null;
      }
      case "string": {
        const { minLength, maxLength, patterns } = shape;
        return minLength === 0 && maxLength === null && patterns.length === 0 ? this.#writer.json("string") : null;
      }
      default:
        return null;
    }
  }

  #bodyOf({ key, shape }: ReadShape): string {
    switch (shape.kind) {
      case "integer":
      case "number":
        return numberBody(shape) ?? this.#document.fail(`no number of the schema at ${key} can be written`);
      case "string":
        return this.#stringBody(shape, hintOf(key));
      case "object":
        return this.#objectBody(shape, hintOf(key));
      case "array":
        return arrayBody(this.#writer, shape, (schemas) => this.ruleFor(schemas));
      case "any":
      case "null":
      case "boolean":
      case "values":
        throw new Error(`assertion failed: a schema of kind ${shape.kind} has no rule of its own`);
      default:
        return unreachable(shape);
    }
  }

  /** The same values are one rule, wherever they are listed. */
  #ruleOfValues(values: readonly unknown[], hint: string): string {
    const key = JSON.stringify(values);
    const known = this.#valueRules.get(key) ?? this.#writeValues(values, hint);
    this.#valueRules.set(key, known);
    return known;
  }

  #writeValues(values: readonly unknown[], hint: string): string {
    const texts = values.filter((value) => typeof value === "string");
    const others = values.filter((value) => typeof value !== "string").map((value) => this.#writer.spellJson(value));
    const bodies: string[] = [];
    if (others.length > 0) bodies.push(addWordRules(this.#writer, others, { hint, spell: (json) => json, end: "" }));
    const letters = texts.reduce((sum, text) => sum + text.length, 0);
    this.#document.spend(letters, "the listed values of the schema, or of all together, are too long");
    const spell = (text: string): string => this.#writer.spell(text);
    if (texts.length > 0) bodies.push(`"\\"" ${addWordRules(this.#writer, texts, { hint, spell, end: '"' })}`);
    return this.#writer.add(hint, bodies.join(" | "));
  }

  #stringBody(shape: StringShape, hint: string): string {
    const automaton = stringAutomaton(this.#document, shape);
    if (automaton !== null) return `"\\"" ${addStringRules(this.#writer, automaton, hint)}`;
    return `"\\"" ${this.#characters.between(shape.minLength, shape.maxLength)} "\\""`;
  }

  #objectBody(shape: ObjectShape, hint: string): string {
    const ruleFor = (schemas: Conjunction): string => this.ruleFor(schemas);
    const names = this.#namesAutomaton(shape);
    const properties = shape.properties.filter(({ name, schemas, isRequired }) => {
      const isAllowed = schemas !== null && (names === null || acceptsWord(names, name));
      if (!isAllowed && isRequired) this.#document.fail(`the required property \`${name}\` can never match`);
      return isAllowed;
    });
    const listed = shape.properties.map(({ name }) => name);
    const key = shape.others === null ? null : this.#keyRule(listed, names, hint);
    const others = key === null || shape.others === null ? null : { key, value: this.ruleFor(shape.others) };
    return objectBody(this.#writer, { properties, others }, ruleFor);
  }

  /** The rule for names of properties that are not listed, behind the opening quotation mark; null when there is none. */
  #keyRule(listed: readonly string[], names: Automaton | null, hint: string): string | null {
    if (listed.length === 0 && names === null) return `${this.#writer.json("char")}* "\\""`;
    const letters = listed.reduce((sum, name) => sum + name.length, 0);
    this.#document.spend(
      letters * letterWork,
      "the names of properties of the schema, or of all together, are too long",
    );
    const others = automatonExceptWords(listed);
    const refuse = (reason: string): never => this.#document.fail(`the schema has too many properties: ${reason}`);
    const limits = { budget: this.#document.budget, refuse };
    const automaton = pruneAutomaton(names === null ? others : intersectAutomata(others, names, limits));
    return automaton === null ? null : addStringRules(this.#writer, automaton, `${hint}-key`);
  }

  /** What `propertyNames` allows; null is every name. */
  #namesAutomaton(shape: ObjectShape): Automaton | null {
    if (shape.names.length === 0) return null;
    const shapes = this.#reader.shapes(shape.names).map((read) => read.shape);
    const values = shapes.flatMap((name) => (name.kind === "values" ? name.values : []));
    const [only, ...others] = shapes.filter((name) => name.kind === "string" || name.kind === "any");
    if (values.length > 0 && only === undefined) {
      return automatonOfWords(values.filter((value) => typeof value === "string"));
    }
    if (only?.kind === "any") return null;
    if (only?.kind === "string" && values.length === 0 && others.length === 0) {
      return stringAutomaton(this.#document, only, true);
    }
    const [first] = shape.names;
    return first === undefined ? null : this.#document.refuse("propertyNames", first, "it is no single kind of text");
  }
}

/**
 * Of several kinds of values those whose patterns can be read, as long as they say something: a Decimal of pydantic is a
 * number, or a text with a pattern that looks ahead.
 */
function writableOf(reads: readonly ReadShape[]): readonly ReadShape[] {
  if (reads.length === 1) return reads;
  const writable = reads.filter(({ shape }) => shape.kind !== "string" || shape.patterns.every(isReadable));
  return writable.some(({ shape }) => shape.kind !== "null") ? writable : reads;
}

function isReadable({ pattern }: PatternFact): boolean {
  try {
    parsePattern(pattern, (reason) => {
      throw new UnreadablePattern(reason);
    });
    return true;
  } catch (error) {
    if (error instanceof UnreadablePattern) return false;
    throw error;
  }
}

class UnreadablePattern extends Error {}

function numberBody({ kind, range }: NumberShape): string | null {
  return kind === "integer" ? integerRange(range.minimum, range.maximum) : numberRange(range);
}

/** The last names of the pointers: `#/properties/address object` becomes `address object`. */
function hintOf(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1);
}
