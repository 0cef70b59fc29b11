import { stringFormats } from "../strings/string-formats.ts";
import type { LocatedSchema, SchemaDocument } from "./schema-document.ts";
import { KeywordReader, numberFormats, roleOf, type TypeName, typeNames } from "./schema-keywords.ts";

/** A pattern that a string has to match, and the keyword that says so. */
export type PatternFact = { readonly pattern: string; readonly keyword: string; readonly at: LocatedSchema };

/** An end of a range. */
export type BoundFact = {
  readonly value: number;
  readonly isExclusive: boolean;
  readonly keyword: string;
  readonly at: LocatedSchema;
};

export type ObjectFact = {
  readonly properties: ReadonlyMap<string, LocatedSchema> | null;
  readonly required: readonly string[];
  readonly additional: LocatedSchema | null;
  readonly names: LocatedSchema | null;
};

export type ArrayFact = {
  readonly prefix: readonly LocatedSchema[];
  readonly items: LocatedSchema | null;
};

/** What one or several schemas say about a value, all of which has to hold. */
export type SchemaFacts = {
  /** Null where nothing is said. */
  types: readonly TypeName[] | null;
  /** The only values; null where nothing is said. */
  values: readonly unknown[] | null;
  readonly lowest: BoundFact[];
  readonly highest: BoundFact[];
  minLength: number;
  maxLength: number | null;
  readonly patterns: PatternFact[];
  readonly objects: ObjectFact[];
  minItems: number;
  maxItems: number | null;
  readonly arrays: ArrayFact[];
  /** Keywords about values of one type, by that type. */
  readonly about: Map<TypeName, { readonly keyword: string; readonly at: LocatedSchema }>;
};

/** What the schemas say together by their own keywords, without those that combine schemas. */
export function readFacts(document: SchemaDocument, schemas: readonly LocatedSchema[]): SchemaFacts {
  const facts: SchemaFacts = {
    types: null,
    values: null,
    lowest: [],
    highest: [],
    minLength: 0,
    maxLength: null,
    patterns: [],
    objects: [],
    minItems: 0,
    maxItems: null,
    arrays: [],
    about: new Map(),
  };
  for (const located of schemas) addFacts(facts, document, located);
  return facts;
}

function addFacts(facts: SchemaFacts, document: SchemaDocument, located: LocatedSchema): void {
  if (located.schema === false) facts.values = [];
  for (const keyword of Object.keys(located.schema)) {
    const role = roleOf(document, located, keyword);
    const known = typeNames.find((name) => name === role);
    if (known !== undefined) facts.about.set(known, { keyword, at: located });
  }
  const reader = new KeywordReader(document, located);
  addTypes(facts, reader);
  addValues(facts, reader);
  addNumberFacts(facts, reader, located);
  addStringFacts(facts, reader, located);
  addContainerFacts(facts, reader);
  checkOrder(document, located);
}

function addTypes(facts: SchemaFacts, reader: KeywordReader): void {
  const types = reader.types();
  if (types === null) return;
  const before = facts.types ?? typeNames;
  const shared = typeNames.filter((name) => allows(types, name) && allows(before, name));
  facts.types = shared.filter((name) => name !== "integer" || !shared.includes("number"));
}

/** Whether values of type `name` are of one of the types: integers are numbers. */
export function allows(types: readonly TypeName[], name: TypeName): boolean {
  return types.includes(name) || (name === "integer" && types.includes("number"));
}

function addValues(facts: SchemaFacts, reader: KeywordReader): void {
  const constant = reader.value("const");
  const lists = [reader.list("enum"), constant === undefined ? null : [constant]];
  for (const list of lists) {
    if (list === null) continue;
    const texts = new Set(list.map((value) => canonicalText(value)));
    facts.values = (facts.values ?? list).filter((value) => texts.has(canonicalText(value)));
  }
}

/** A text that equal JSON values share, whatever the order of their members. */
export function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}

function addNumberFacts(facts: SchemaFacts, reader: KeywordReader, at: LocatedSchema): void {
  const add = (list: BoundFact[], keyword: string, isExclusive: boolean): void => {
    const value = reader.number(keyword);
    if (value !== null) list.push({ value, isExclusive, keyword, at });
  };
  add(facts.lowest, "minimum", false);
  add(facts.lowest, "exclusiveMinimum", true);
  add(facts.highest, "maximum", false);
  add(facts.highest, "exclusiveMaximum", true);
  const range = numberFormats.get(reader.text("format") ?? "");
  if (range === null || range === undefined) return;
  facts.lowest.push({ value: range[0], isExclusive: false, keyword: "format", at });
  facts.highest.push({ value: range[1], isExclusive: false, keyword: "format", at });
}

function addStringFacts(facts: SchemaFacts, reader: KeywordReader, at: LocatedSchema): void {
  facts.minLength = Math.max(facts.minLength, reader.count("minLength") ?? 0);
  facts.maxLength = smaller(facts.maxLength, reader.count("maxLength"));
  const pattern = reader.text("pattern");
  if (pattern !== null) facts.patterns.push({ pattern, keyword: "pattern", at });
  const format = stringFormats.get(reader.text("format") ?? "");
  if (format !== undefined) facts.patterns.push({ pattern: format, keyword: "format", at });
}

function addContainerFacts(facts: SchemaFacts, reader: KeywordReader): void {
  const additional = reader.schema("additionalProperties");
  const names = reader.schema("propertyNames");
  const required = reader.names("required");
  facts.objects.push({ properties: reader.namedSchemas("properties"), required, additional, names });
  facts.minItems = Math.max(facts.minItems, reader.count("minItems") ?? 0);
  facts.maxItems = smaller(facts.maxItems, reader.count("maxItems"));
  // Draft 7 wrote the list of `prefixItems` under `items`.
  const isDraft7List = Array.isArray(reader.value("items"));
  const prefix = reader.schemas(isDraft7List ? "items" : "prefixItems") ?? [];
  facts.arrays.push({ prefix, items: isDraft7List ? null : reader.schema("items") });
}

function smaller(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other);
}

/** A schema that contradicts itself is a mistake, also where another branch would still match. */
function checkOrder(document: SchemaDocument, located: LocatedSchema): void {
  const reader = new KeywordReader(document, located);
  for (const [low, high] of [
    ["minimum", "maximum"],
    ["minLength", "maxLength"],
    ["minItems", "maxItems"],
  ] as const) {
    const [least, most] = [reader.number(low), reader.number(high)];
    if (least !== null && most !== null && least > most) {
      document.fail(`the schema at ${located.pointer} matches nothing: \`${low}\` is above \`${high}\``);
    }
  }
}
