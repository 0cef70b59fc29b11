import type { GrammarWriter } from "../gbnf/grammar-writer.ts";
import type { ArrayShape, Conjunction, PropertyShape } from "./schema-shapes.ts";

type RuleFor = (schemas: Conjunction) => string;

/** `key` is the rule of a name behind its opening quotation mark. */
type ObjectParts = {
  readonly properties: readonly PropertyShape[];
  readonly others: { readonly key: string; readonly value: string } | null;
};

/**
 * Objects with the properties in their order, each at most once, then the others. Two chains of rules, one for the case
 * that nothing was written yet and one, with commas, for the case that something was: linear in the properties.
 */
export function objectBody(writer: GrammarWriter, parts: ObjectParts, ruleFor: RuleFor): string {
  const { properties, others } = parts;
  const ws = writer.json("ws");
  const required = properties.findIndex(({ isRequired }) => isRequired);
  let first = '"}"';
  let next = `${ws} "}"`;
  if (others !== null) {
    const member = writer.add("member", `"\\"" ${others.key} ":" " "? ${others.value}`);
    const more = writer.add("more", `"," ${ws} ${member}`);
    next = `${more}* ${ws} "}"`;
    first = `${member} ${next} | "}"`;
  }
  for (const [index, { name, schemas, isRequired }] of [...properties.entries()].reverse()) {
    const pair = `${writer.jsonLiteral(name, ":")} " "? ${ruleFor(schemas ?? [])}`;
    // What is written twice, or has alternatives, becomes a rule of its own.
    if (!isRequired || (index === required && index > 0)) next = named(writer, next);
    first = isRequired ? `${pair} ${next}` : `${pair} ${next} | ${named(writer, first)}`;
    const more = `"," ${ws} ${pair} ${next}`;
    next = isRequired ? more : named(writer, `${more} | ${next}`);
  }
  return `"{" ${ws} ${named(writer, first)}`;
}

/** Lists with the items of the prefix, as many as there have to be, then the others. */
export function arrayBody(writer: GrammarWriter, shape: ArrayShape, ruleFor: RuleFor): string {
  const { prefix, minItems, maxItems } = shape;
  const ws = writer.json("ws");
  const end = `${ws} "]"`;
  const others = shape.others === null || maxItems === prefix.length ? null : ruleFor(shape.others);
  const isEmptyAllowed = minItems === 0;
  let first = '"]"';
  let next = end;
  if (others !== null) {
    const more = writer.add("more", `"," ${ws} ${others}`);
    const countFrom = (count: number): string => {
      return `${more}{${Math.max(0, minItems - count)},${maxItems === null ? "" : maxItems - count}}`;
    };
    next = `${countFrom(Math.max(1, prefix.length))} ${end}`;
    first = `${others} ${next}${isEmptyAllowed ? ' | "]"' : ""}`;
  }
  for (const [index, schemas] of [...prefix.entries()].reverse()) {
    const item = ruleFor(schemas);
    const rest = named(writer, next);
    first = `${item} ${rest}${isEmptyAllowed ? ' | "]"' : ""}`;
    next = `"," ${ws} ${item} ${rest}${index >= minItems ? ` | ${end}` : ""}`;
  }
  return `"[" ${ws} ${named(writer, first)}`;
}

/** A name for what has several parts or alternatives. */
function named(writer: GrammarWriter, body: string): string {
  return /^[A-Za-z0-9-]+$|^"."$/.test(body) ? body : writer.add("rest", body);
}
