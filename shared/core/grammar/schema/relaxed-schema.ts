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
/** Those of them whose schemas are about the value itself. */
const combining = ["allOf", "anyOf", "oneOf"] as const;
/** Keywords that are left out, and may speak of more properties and items than the others do. */
const extending: ReadonlySet<string> = new Set([
  ...["if", "then", "else", "dependentSchemas", "dependencies", "patternProperties", "$dynamicRef", "$recursiveRef"],
  ...["unevaluatedProperties", "unevaluatedItems", "additionalItems"],
]);

type Keywords = Readonly<Record<string, unknown>>;

/**
 * Matches all that `schema` matches, and maybe more: keywords that are not known, formats without a grammar, patterns that
 * no automaton reads, references out of the document, and whatever stands beside `enum` or `const`, are left out; ends of
 * ranges that are no whole numbers are moved outwards. Where what is left out may speak of more properties or items, others
 * may be there. What is kept stays in its place, to which references may lead. What is no schema stays what it is. The
 * values must be nested within the limits of a `SchemaDocument`.
 */
export function relaxedSchema(schema: unknown): unknown {
  return relaxedPart(schema, isExtended(schema));
}

/** `isOpen`: a schema about the same value may speak of more properties and items. */
function relaxedPart(schema: unknown, isOpen: boolean): unknown {
  if (!isObject(schema)) return schema;
  const kept = Object.entries(schema).filter(([keyword, value]) => isEnforceable(keyword, value, schema));
  const relaxed = Object.fromEntries(kept.map(([keyword, value]) => [keyword, relaxedValue(keyword, value, isOpen)]));
  return withWholeBounds(isOpen ? withOthers(relaxed, schema) : relaxed);
}

/** Whether keywords that are left out of it, or of schemas about the same value, may speak of more properties and items. */
function isExtended(schema: unknown): boolean {
  if (!isObject(schema)) return false;
  const isSaid = Object.entries(schema).some(([keyword, value]) => {
    return (
      (extending.has(keyword) && value !== false) || (keyword === "$ref" && !isEnforceable(keyword, value, schema))
    );
  });
  return isSaid || combining.some((keyword) => listOf(schema[keyword]).some(isExtended));
}

function isEnforceable(keyword: string, value: unknown, schema: Keywords): boolean {
  const role = keywordRole(keyword, value);
  // One that is no text is wrong.
  if (role === null) return keyword === "format" && typeof value !== "string";
  if (keyword === "$ref" && typeof value === "string") return value === "#" || value.startsWith("#/");
  const saysValues = schema["enum"] !== undefined || schema["const"] !== undefined;
  if (saysValues && typeNames.some((type) => type === role)) return false;
  // Draft 4 and OpenAPI 3.0 say so whether the other keyword's end is one.
  if (keyword.startsWith("exclusive") && typeof value === "boolean") return false;
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

function relaxedValue(keyword: string, value: unknown, isOpen: boolean): unknown {
  if (!holders.has(keyword)) return value;
  const isSame = combining.some((one) => one === keyword);
  if (Array.isArray(value)) return value.map((one) => (isSame ? relaxedPart(one, isOpen) : relaxedSchema(one)));
  if (!objectsOfSchemas.has(keyword) || !isObject(value)) return relaxedSchema(value);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, relaxedSchema(one)]));
}

/** Others are closed where nothing is said about them. */
function withOthers(relaxed: Keywords, { patternProperties, additionalItems = true }: Keywords): Keywords {
  const { additionalProperties: others, items, prefixItems } = relaxed;
  const named = Object.values(isObject(patternProperties) ? patternProperties : {}).filter((one) => one !== false);
  const isSaid = others !== undefined;
  return {
    ...relaxed,
    ...(!isSaid && isAboutObjects(relaxed) ? { additionalProperties: true } : {}),
    ...(isSaid && named.length > 0 ? { additionalProperties: { anyOf: [...named.map(relaxedSchema), others] } } : {}),
    ...(Array.isArray(prefixItems) && items === undefined ? { items: true } : {}),
    // Draft 7 wrote the list of `prefixItems` under `items`.
    ...(Array.isArray(items) ? { prefixItems: items, items: relaxedSchema(additionalItems) } : {}),
  };
}

/** What a reference leads to says itself what it is. */
function isAboutObjects({ type, properties, $ref }: Keywords): boolean {
  return properties !== undefined || $ref !== undefined || type === "object" || listOf(type).includes("object");
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
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
