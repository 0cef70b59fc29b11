import type { LocatedSchema } from "./schema-document.ts";
import type { ArrayFact, ObjectFact, SchemaFacts } from "./schema-facts.ts";
import type { ArrayShape, Conjunction, ObjectShape, PropertyShape } from "./schema-shapes.ts";

/** The objects that all the facts allow; null when there is none. */
export function objectShape(facts: SchemaFacts): ObjectShape | null {
  const { objects } = facts;
  const required = new Set(objects.flatMap((fact) => fact.required));
  const names = new Set([...objects.flatMap((fact) => [...(fact.properties?.keys() ?? [])]), ...required]);
  const properties: PropertyShape[] = [];
  for (const name of names) {
    const schemas = objects.flatMap((fact) => fact.properties?.get(name) ?? fact.additional ?? []);
    const isForbidden = schemas.some(({ schema }) => schema === false);
    if (isForbidden && required.has(name)) return null;
    properties.push({ name, schemas: isForbidden ? null : schemas, isRequired: required.has(name) });
  }
  const othersAllowed = conjunctionOf(objects.map((fact) => fact.additional));
  const isSaid = objects.some((fact) => fact.additional !== null);
  const hasProperties = objects.some((fact) => fact.properties !== null);
  return {
    kind: "object",
    properties,
    others: isSaid || !hasProperties ? othersAllowed : null,
    othersAllowed,
    names: objects.flatMap((fact: ObjectFact) => fact.names ?? []),
  };
}

/** The lists that all the facts allow; null when there is none. */
export function arrayShape(facts: SchemaFacts): ArrayShape | null {
  const { arrays, minItems } = facts;
  const longest = Math.max(0, ...arrays.map((fact) => fact.prefix.length));
  const prefix: Conjunction[] = [];
  let maxItems = facts.maxItems;
  for (let index = 0; index < longest; index += 1) {
    const schemas = arrays.flatMap((fact: ArrayFact) => fact.prefix[index] ?? fact.items ?? []);
    if (schemas.some(({ schema }) => schema === false)) {
      maxItems = Math.min(index, maxItems ?? index);
      break;
    }
    prefix.push(schemas);
  }
  const isOpen = longest === 0 || minItems > longest || arrays.some((fact) => fact.items !== null);
  const others = isOpen ? conjunctionOf(arrays.map((fact) => fact.items)) : null;
  const areOthersAllowed = conjunctionOf(arrays.map((fact) => fact.items)) !== null;
  const maxItemsAllowed = areOthersAllowed ? maxItems : Math.min(longest, maxItems ?? longest);
  if (others === null) maxItems = Math.min(prefix.length, maxItems ?? prefix.length);
  if (maxItems !== null && minItems > maxItems) return null;
  const kept = prefix.slice(0, maxItems ?? prefix.length);
  return { kind: "array", prefix: kept, others, minItems, maxItems, maxItemsAllowed };
}

/** Null when one of the schemas is `false`. */
function conjunctionOf(schemas: readonly (LocatedSchema | null)[]): Conjunction | null {
  const said = schemas.flatMap((schema) => schema ?? []);
  return said.some(({ schema }) => schema === false) ? null : said;
}
