import { lengthMax } from "../strings/counted-characters.ts";
import { stringFormats } from "../strings/string-formats.ts";
import { isObject, type LocatedSchema, pointerTo, type SchemaDocument } from "./schema-document.ts";

export const typeNames = ["null", "boolean", "integer", "number", "string", "object", "array"] as const;
export type TypeName = (typeof typeNames)[number];

/** The most that items can be counted up to: the engine writes repetitions out. */
const itemsMax = 1_999;

type KeywordRole = "combines" | "describes" | "states" | TypeName;

/**
 * What is done about each keyword; one that is not here is refused. `describes`: says nothing about values. A type: says
 * something about values of this type only. Source: JSON Schema 2020-12, `definitions` of draft 7, `discriminator` of
 * OpenAPI 3, whose `oneOf` says the same, and `nullable` of OpenAPI 3.0, which is part of `type`; RubyLLM writes `strict`
 * into the parameters of its tools.
 */
const roles: ReadonlyMap<string, KeywordRole> = new Map<string, KeywordRole>([
  ...(["$ref", "allOf", "anyOf", "oneOf"] as const).map((name) => [name, "combines"] as const),
  ...(["$schema", "$comment", "$defs", "definitions", "title", "description", "default", "examples"] as const).map(
    (name) => [name, "describes"] as const,
  ),
  ...(["example", "deprecated", "readOnly", "writeOnly", "discriminator", "strict", "nullable"] as const).map(
    (name) => [name, "describes"] as const,
  ),
  ...(["type", "enum", "const"] as const).map((name) => [name, "states"] as const),
  ...(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] as const).map((name) => [name, "number"] as const),
  ...(["minLength", "maxLength", "pattern"] as const).map((name) => [name, "string"] as const),
  ...(["properties", "required", "additionalProperties", "propertyNames"] as const).map(
    (name) => [name, "object"] as const,
  ),
  ...(["items", "prefixItems", "minItems", "maxItems"] as const).map((name) => [name, "array"] as const),
]);

/** Ranges of the formats of OpenAPI for numbers; those without one say nothing about a JSON number. */
export const numberFormats: ReadonlyMap<string, readonly [minimum: number, maximum: number] | null> = new Map([
  ["int32", [-(2 ** 31), 2 ** 31 - 1] as const],
  ["uint32", [0, 2 ** 32 - 1] as const],
  ["int64", null],
  ["float", null],
  ["double", null],
]);

/** What is done about a keyword with a value; null for one that cannot be enforced. */
export function keywordRole(keyword: string, value: unknown): KeywordRole | null {
  const role = roles.get(keyword);
  if (role !== undefined) return role;
  if (keyword === "format") return typeof value === "string" ? formatRole(value) : null;
  return keyword.startsWith("x-") || (keyword === "uniqueItems" && value === false) ? "describes" : null;
}

function formatRole(format: string): KeywordRole | null {
  if (stringFormats.has(format)) return "string";
  return numberFormats.has(format) ? "number" : null;
}

/** The role of a keyword of `located`; refuses those that cannot be enforced. */
export function roleOf(document: SchemaDocument, located: LocatedSchema, keyword: string): KeywordRole {
  const value = isObject(located.schema) ? located.schema[keyword] : undefined;
  const role = keywordRole(keyword, value);
  if (role !== null) return role;
  // An identifier of the whole document changes none of the references that are followed.
  if (keyword === "$id" && located.pointer === "#") return "describes";
  if (keyword !== "format") return document.refuse(keyword, located);
  if (typeof value !== "string") return document.failKeyword("format", located, "a text");
  const known = [...stringFormats.keys()].join(", ");
  return document.refuse("format", located, `\`${value.slice(0, 40)}\` is none of ${known}`);
}

/** Reads the values of keywords of one schema, each into its type. All are null where the keyword is not there. */
export class KeywordReader {
  readonly #document: SchemaDocument;
  readonly #located: LocatedSchema;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(document: SchemaDocument, located: LocatedSchema) {
    this.#document = document;
    this.#located = located;
    this.#values = isObject(located.schema) ? located.schema : {};
  }

  value(keyword: string): unknown {
    return Object.hasOwn(this.#values, keyword) ? this.#values[keyword] : undefined;
  }

  text(keyword: string): string | null {
    const value = this.value(keyword);
    if (value === undefined) return null;
    return typeof value === "string" ? value : this.#fail(keyword, "a text");
  }

  number(keyword: string): number | null {
    const value = this.value(keyword);
    if (value === undefined) return null;
    return typeof value === "number" ? value : this.#fail(keyword, "a number");
  }

  /** A length or a number of items. */
  count(keyword: "minLength" | "maxLength" | "minItems" | "maxItems"): number | null {
    const value = this.number(keyword);
    if (value === null) return null;
    if (!Number.isInteger(value) || value < 0) this.#fail(keyword, "a whole number from 0 on");
    const most = keyword === "minLength" || keyword === "maxLength" ? lengthMax : itemsMax;
    if (value > most) this.#document.refuse(keyword, this.#located, `${value} is more than ${most}`);
    return value;
  }

  list(keyword: string): readonly unknown[] | null {
    const value = this.value(keyword);
    if (value === undefined) return null;
    if (!Array.isArray(value) || value.length === 0) this.#fail(keyword, "a list that is not empty");
    return value;
  }

  types(): readonly TypeName[] | null {
    const value = this.value("type");
    const names = typeof value === "string" ? [value] : this.list("type");
    if (names === null) return null;
    const types = names.map((name) => {
      return typeNames.find((known) => known === name) ?? this.#fail("type", `of ${typeNames.join(", ")}`);
    });
    return this.value("nullable") === true && !types.includes("null") ? [...types, "null"] : types;
  }

  /** Names of `required`; none when it is not there. */
  names(keyword: string): readonly string[] {
    const value = this.value(keyword);
    if (value === undefined) return [];
    const isNames = Array.isArray(value) && value.every((name) => typeof name === "string");
    return isNames ? value : this.#fail(keyword, "a list of texts");
  }

  schema(keyword: string): LocatedSchema | null {
    const value = this.value(keyword);
    if (value === undefined) return null;
    return this.#document.locate(value, pointerTo(this.#located.pointer, keyword));
  }

  schemas(keyword: string): readonly LocatedSchema[] | null {
    const { pointer } = this.#located;
    const locate = (value: unknown, index: number): LocatedSchema =>
      this.#document.locate(value, pointerTo(pointer, keyword, index));
    return this.list(keyword)?.map(locate) ?? null;
  }

  /** The members of an object of schemas, in their order; JavaScript puts names that are whole numbers first. */
  namedSchemas(keyword: string): ReadonlyMap<string, LocatedSchema> | null {
    const value = this.value(keyword);
    if (value === undefined) return null;
    if (!isObject(value)) this.#fail(keyword, "an object of schemas");
    const { pointer } = this.#located;
    const members = Object.entries(value).map(
      ([name, schema]) => [name, this.#document.locate(schema, pointerTo(pointer, keyword, name))] as const,
    );
    return new Map(members);
  }

  #fail(keyword: string, expected: string): never {
    return this.#document.failKeyword(keyword, this.#located, expected);
  }
}
