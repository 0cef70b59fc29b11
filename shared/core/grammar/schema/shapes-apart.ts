import { canonicalText } from "./schema-facts.ts";
import type { ArrayShape, Conjunction, NumberShape, ObjectShape, PropertyShape, Shape } from "./schema-shapes.ts";

/** `read` gives the shapes of schemas; `depth` is how deep in properties of properties the comparison is. */
type Comparison = { readonly read: (schemas: Conjunction) => readonly Shape[]; readonly depth: number };

/** How deep properties of properties are compared. */
const depthMax = 3;

/**
 * Whether nothing that the grammar of `made` makes is matched by the schema behind `other`. False when it is not sure.
 * Told apart are types, ranges, listed values, lengths of lists, and objects by a property: one that only one side can
 * have, or one that is always there with values that are apart.
 */
export function areApart(made: Shape, other: Shape, comparison: Comparison): boolean {
  if (made.kind === "any" || other.kind === "any") return false;
  if (other.isAssumed && made.kind !== other.kind) return false;
  if (made.kind === "values" && other.kind === "values") {
    const texts = new Set(other.values.map(canonicalText));
    return !made.values.some((value) => texts.has(canonicalText(value)));
  }
  if (made.kind === "values") return made.values.every((value) => !isOfKind(value, other));
  if (other.kind === "values") return other.values.every((value) => !isOfKind(value, made));
  if (isNumber(made) && isNumber(other)) return rangesAreApart(made, other);
  if (made.kind !== other.kind) return true;
  if (made.kind === "object" && other.kind === "object") return objectsAreApart(made, other, comparison);
  if (made.kind === "array" && other.kind === "array") return lengthsAreApart(made, other);
  return false;
}

function isNumber(shape: Shape): shape is NumberShape {
  return shape.kind === "integer" || shape.kind === "number";
}

/** Whether a value may be of the kind and, for numbers, in the range. */
function isOfKind(value: unknown, shape: Shape): boolean {
  if (typeof value === "number") {
    return isNumber(shape) && (shape.kind === "number" || Number.isInteger(value)) && isWithin(value, shape);
  }
  if (value === null) return shape.kind === "null";
  if (Array.isArray(value)) return shape.kind === "array";
  return typeof value === shape.kind;
}

function isWithin(value: number, { range }: NumberShape): boolean {
  const low = range.minimum ?? Number.NEGATIVE_INFINITY;
  const high = range.maximum ?? Number.POSITIVE_INFINITY;
  const isAbove = range.isMinimumExclusive ? value > low : value >= low;
  return isAbove && (range.isMaximumExclusive ? value < high : value <= high);
}

function rangesAreApart(one: NumberShape, other: NumberShape): boolean {
  return endsBefore(one, other) || endsBefore(other, one);
}

function endsBefore({ range: low }: NumberShape, { range: high }: NumberShape): boolean {
  if (low.maximum === null || high.minimum === null) return false;
  const isTouching = low.isMaximumExclusive || high.isMinimumExclusive;
  return isTouching ? low.maximum <= high.minimum : low.maximum < high.minimum;
}

function lengthsAreApart(made: ArrayShape, other: ArrayShape): boolean {
  const isShorter = made.maxItems !== null && made.maxItems < other.minItems;
  return isShorter || (other.maxItemsAllowed !== null && other.maxItemsAllowed < made.minItems);
}

function objectsAreApart(made: ObjectShape, other: ObjectShape, comparison: Comparison): boolean {
  const madeByName = new Map(made.properties.map((property) => [property.name, property]));
  const otherByName = new Map(other.properties.map((property) => [property.name, property]));
  const isMissing = other.properties.some(({ name, isRequired }) => {
    const schemas = madeByName.has(name) ? madeByName.get(name)?.schemas : made.others;
    return isRequired && (schemas === null || schemas === undefined);
  });
  const isOdd = (property: PropertyShape): boolean => {
    const { name, schemas, isRequired } = property;
    if (!isRequired || schemas === null) return false;
    const wanted = otherByName.has(name) ? otherByName.get(name)?.schemas : other.othersAllowed;
    return wanted === null || wanted === undefined || valuesAreApart(schemas, wanted, comparison);
  };
  return isMissing || made.properties.some(isOdd);
}

function valuesAreApart(made: Conjunction, other: Conjunction, { read, depth }: Comparison): boolean {
  if (depth >= depthMax) return false;
  return read(made).every((one) => read(other).every((two) => areApart(one, two, { read, depth: depth + 1 })));
}
