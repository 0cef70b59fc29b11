import { arrayShape, objectShape } from "./container-shapes.ts";
import type { NumberRange } from "./number-ranges.ts";
import type { SchemaDocument } from "./schema-document.ts";
import { allows, type BoundFact, readFacts, type SchemaFacts } from "./schema-facts.ts";
import { type TypeName, typeNames } from "./schema-keywords.ts";
import type { Conjunction, Shape } from "./schema-shapes.ts";

/**
 * The values that schemas match by their own keywords, one shape for each type; none when they contradict each other.
 * A schema that names no type is about the types that its keywords are about: JSON Schema would let all others through.
 */
export function plainShapes(document: SchemaDocument, schemas: Conjunction): readonly Shape[] {
  const facts = readFacts(document, schemas);
  if (facts.values !== null) return valuesShapes(document, facts, facts.values);
  if (facts.types === null && facts.about.size === 0) return [{ kind: "any" }];
  const types = facts.types ?? [...facts.about.keys()];
  const shapes = types.flatMap((type) => shapeOfType(document, facts, type) ?? []);
  return facts.types === null ? shapes.map((shape) => ({ ...shape, isAssumed: true })) : shapes;
}

function valuesShapes(document: SchemaDocument, facts: SchemaFacts, values: readonly unknown[]): readonly Shape[] {
  const kept = values.filter((value) => facts.types === null || allows(facts.types, typeOf(value)));
  for (const type of document.isRelaxed ? [] : new Set(kept.map(typeOf))) {
    const about = facts.about.get(type === "integer" ? "number" : type);
    if (about !== undefined) document.refuse(about.keyword, about.at, "not together with `enum` or `const`");
  }
  return kept.length === 0 ? [] : [{ kind: "values", values: kept }];
}

function typeOf(value: unknown): TypeName {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeNames.find((name) => name === typeof value) ?? "object";
}

/** Null when no value of the type matches. */
function shapeOfType(document: SchemaDocument, facts: SchemaFacts, type: TypeName): Shape | null {
  switch (type) {
    case "null":
    case "boolean":
      return { kind: type };
    case "integer":
    case "number": {
      const range = type === "integer" ? integerBounds(document, facts) : numberBounds(document, facts);
      return range === null ? null : { kind: type, range };
    }
    case "string": {
      const { minLength, maxLength, patterns } = facts;
      return maxLength !== null && minLength > maxLength ? null : { kind: "string", minLength, maxLength, patterns };
    }
    case "object":
      return objectShape(facts);
    case "array":
      return arrayShape(facts);
  }
}

function integerBounds(document: SchemaDocument, facts: SchemaFacts): NumberRange | null {
  let minimum: number | null = null;
  for (const bound of facts.lowest) {
    const value = bound.isExclusive ? Math.floor(bound.value) + 1 : Math.ceil(bound.value);
    if (value <= -Number.MAX_SAFE_INTEGER) continue;
    minimum = Math.max(minimum ?? value, safe(document, bound, value));
  }
  let maximum: number | null = null;
  for (const bound of facts.highest) {
    const value = bound.isExclusive ? Math.ceil(bound.value) - 1 : Math.floor(bound.value);
    if (value >= Number.MAX_SAFE_INTEGER) continue;
    maximum = Math.min(maximum ?? value, safe(document, bound, value));
  }
  if (minimum !== null && maximum !== null && minimum > maximum) return null;
  // Math.ceil(-0.5) is -0, which would be written as -0.
  return {
    minimum: plusZero(minimum),
    maximum: plusZero(maximum),
    isMinimumExclusive: false,
    isMaximumExclusive: false,
  };
}

function numberBounds(document: SchemaDocument, facts: SchemaFacts): NumberRange | null {
  const low = tightest(facts.lowest, (one, other) => one > other);
  const high = tightest(facts.highest, (one, other) => one < other);
  const minimum = low === null ? null : plusZero(safe(document, low, low.value));
  const maximum = high === null ? null : plusZero(safe(document, high, high.value));
  const [isMinimumExclusive, isMaximumExclusive] = [low?.isExclusive === true, high?.isExclusive === true];
  if (minimum !== null && maximum !== null) {
    if (minimum > maximum || (minimum === maximum && (isMinimumExclusive || isMaximumExclusive))) return null;
  }
  return { minimum, maximum, isMinimumExclusive, isMaximumExclusive };
}

/** The bound that leaves the least; of two with the same value the exclusive one. */
function tightest(bounds: readonly BoundFact[], isTighter: (one: number, other: number) => boolean): BoundFact | null {
  let best: BoundFact | null = null;
  for (const bound of bounds) {
    const isSame = best !== null && bound.value === best.value;
    if (best === null || isTighter(bound.value, best.value) || (isSame && bound.isExclusive)) best = bound;
  }
  return best;
}

function safe(document: SchemaDocument, bound: BoundFact, value: number): number {
  if (Number.isSafeInteger(value)) return value;
  return document.refuse(bound.keyword, bound.at, "numbers are only bounded by whole numbers up to 2^53-1");
}

function plusZero(value: number | null): number | null {
  return value === 0 ? 0 : value;
}
