// A schema without what no grammar can hold a model to, for tools that are not strict: their arguments follow the rest.
import { parsePattern } from "../strings/regex-syntax.ts";
import { isObject } from "./schema-document.ts";
import { keywordRole, typeNames } from "./schema-keywords.ts";

/** Keywords whose value is a schema, a list of schemas, or an object of schemas. */
const holders: ReadonlySet<string> = new Set([
  ...["items", "additionalProperties", "propertyNames", "allOf", "anyOf", "oneOf", "prefixItems"],
  ...["properties", "$defs", "definitions"],
]);
const objectsOfSchemas: ReadonlySet<string> = new Set(["properties", "$defs", "definitions"]);

/**
 * Matches all that `schema` matches, and maybe more: keywords that are not known, formats without a grammar, patterns that
 * no automaton reads, references out of the document, and whatever stands beside `enum` or `const`, are left out; ends of
 * ranges that are no whole numbers are moved outwards; of `oneOf` several branches may match. What is no schema stays what
 * it is. The values must be nested within the limits of a `SchemaDocument`.
 */
export function relaxedSchema(schema: unknown): unknown {
  if (!isObject(schema)) return schema;
  const kept = Object.entries(schema).filter(([keyword, value]) => isEnforceable(keyword, value, schema));
  const relaxed = Object.fromEntries(kept.map(([keyword, value]) => [keyword, relaxedValue(keyword, value)]));
  return withWholeBounds(withAnyOf(relaxed));
}

function isEnforceable(keyword: string, value: unknown, schema: Readonly<Record<string, unknown>>): boolean {
  const role = keywordRole(keyword, value);
  // One that is no text is wrong.
  if (role === null) return keyword === "format" && typeof value !== "string";
  if (keyword === "$ref" && typeof value === "string") return value === "#" || value.startsWith("#/");
  const saysValues = schema["enum"] !== undefined || schema["const"] !== undefined;
  if (saysValues && typeNames.some((type) => type === role)) return false;
  return keyword !== "pattern" || typeof value !== "string" || isReadable(value);
}

class UnreadablePattern extends Error {}

function isReadable(pattern: string): boolean {
  try {
    parsePattern(pattern, (reason) => {
      throw new UnreadablePattern(reason);
    });
    return true;
  } catch (thrown) {
    if (thrown instanceof UnreadablePattern) return false;
    throw thrown;
  }
}

function relaxedValue(keyword: string, value: unknown): unknown {
  if (!holders.has(keyword)) return value;
  if (Array.isArray(value)) return value.map(relaxedSchema);
  if (!objectsOfSchemas.has(keyword) || !isObject(value)) return relaxedSchema(value);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, relaxedSchema(one)]));
}

type Keywords = Readonly<Record<string, unknown>>;

function withAnyOf({ oneOf, ...others }: Keywords): Keywords {
  if (oneOf === undefined) return others;
  return others["anyOf"] === undefined ? { ...others, anyOf: oneOf } : { ...others, oneOf };
}

/** Ends of ranges of whole numbers may be any number: they are moved to a whole one anyway. */
function withWholeBounds(keywords: Keywords): Keywords {
  if (keywords["type"] === "integer") return keywords;
  const bounds = { minimum: Math.floor, exclusiveMinimum: Math.floor, maximum: Math.ceil, exclusiveMaximum: Math.ceil };
  const relaxed = { ...keywords };
  for (const [keyword, outwards] of Object.entries(bounds)) {
    const value = relaxed[keyword];
    if (typeof value !== "number" || Number.isSafeInteger(value)) continue;
    delete relaxed[keyword];
    const whole = outwards(value);
    const included = keyword.replace("exclusiveM", "m");
    if (Number.isSafeInteger(whole) && relaxed[included] === undefined) relaxed[included] = whole;
  }
  return relaxed;
}
