import type { NumberRange } from "./number-ranges.ts";
import type { LocatedSchema } from "./schema-document.ts";
import type { PatternFact } from "./schema-facts.ts";

/** Schemas that all have to hold; with none of them anything goes. */
export type Conjunction = readonly LocatedSchema[];

/** A property in the order of the schema. One that must not be there has no `schemas`. */
export type PropertyShape = {
  readonly name: string;
  readonly schemas: Conjunction | null;
  readonly isRequired: boolean;
};

/**
 * Values of one type that a schema matches. What JSON Schema leaves open and nobody means to be used is closed: an object
 * with `properties` and nothing about others has only those, a list with `prefixItems` and nothing about more has no
 * more. `othersAllowed` is what the schema itself says, `others` what the grammar allows; null is none.
 */
export type ObjectShape = {
  readonly kind: "object";
  readonly properties: readonly PropertyShape[];
  readonly others: Conjunction | null;
  readonly othersAllowed: Conjunction | null;
  /** What names of properties that are not listed have to match. */
  readonly names: Conjunction;
};

export type ArrayShape = {
  readonly kind: "array";
  readonly prefix: readonly Conjunction[];
  /** What items behind the prefix have to match; null when there are none. */
  readonly others: Conjunction | null;
  readonly minItems: number;
  readonly maxItems: number | null;
  /** `maxItems` as the schema itself says it, see `othersAllowed`. */
  readonly maxItemsAllowed: number | null;
};

export type StringShape = {
  readonly kind: "string";
  readonly minLength: number;
  readonly maxLength: number | null;
  readonly patterns: readonly PatternFact[];
};

export type NumberShape = { readonly kind: "integer" | "number"; readonly range: NumberRange };

/** `isAssumed`: the schema names no type, so that by JSON Schema values of all other types match as well. */
export type Shape = TypedShape & { readonly isAssumed?: true };

type TypedShape =
  | { readonly kind: "any" | "null" | "boolean" }
  | { readonly kind: "values"; readonly values: readonly unknown[] }
  | NumberShape
  | StringShape
  | ObjectShape
  | ArrayShape;

/** A name for the schemas, the same whatever their order and however often they are there. */
export function keyOf(schemas: Conjunction): string {
  return [...new Set(schemas.map(({ pointer }) => pointer))].sort().join(" & ");
}
