// For tests only: whether a document matches a schema, by JSON Schema itself and without the compiler.

import { isObject } from "../schema/schema-document.ts";
import { canonicalText } from "../schema/schema-facts.ts";

/** Whether `value` matches `schema`, a schema in `root` of the keywords that the compiler knows, without formats. */
export function conforms(value: unknown, schema: unknown, root: unknown = schema): boolean {
  if (typeof schema === "boolean") return schema;
  if (!isObject(schema)) throw new Error("no schema");
  return Object.entries(schema).every(([keyword, said]) => {
    const rule = rules[keyword];
    return rule === undefined || rule(value, said, { schema, root });
  });
}

type Context = { readonly schema: Readonly<Record<string, unknown>>; readonly root: unknown };
type Rule = (value: unknown, said: unknown, context: Context) => boolean;

const isOfType: Rule = (value, said) => {
  const name = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  return said === name || (said === "integer" && Number.isInteger(value));
};
const listOf = (said: unknown): readonly unknown[] => (Array.isArray(said) ? said : []);
const numberRule =
  (holds: (value: number, said: number) => boolean): Rule =>
  (value, said) =>
    typeof value !== "number" || holds(value, Number(said));
const lengthRule =
  (holds: (value: number, said: number) => boolean): Rule =>
  (value, said) =>
    typeof value !== "string" || holds([...value].length, Number(said));
const countRule =
  (holds: (value: number, said: number) => boolean): Rule =>
  (value, said) =>
    !Array.isArray(value) || holds(value.length, Number(said));
const membersRule =
  (holds: (value: Readonly<Record<string, unknown>>, said: unknown, context: Context) => boolean): Rule =>
  (value, said, context) =>
    !isObject(value) || holds(value, said, context);
const propertiesOf = (said: unknown): Readonly<Record<string, unknown>> => (isObject(said) ? said : {});

const rules: Readonly<Record<string, Rule>> = {
  type: (value, said, context) => (Array.isArray(said) ? said : [said]).some((type) => isOfType(value, type, context)),
  enum: (value, said) => listOf(said).some((one) => canonicalText(one) === canonicalText(value)),
  const: (value, said) => canonicalText(said) === canonicalText(value),
  minimum: numberRule((value, said) => value >= said),
  maximum: numberRule((value, said) => value <= said),
  exclusiveMinimum: numberRule((value, said) => value > said),
  exclusiveMaximum: numberRule((value, said) => value < said),
  minLength: lengthRule((length, said) => length >= said),
  maxLength: lengthRule((length, said) => length <= said),
  pattern: (value, said) => typeof value !== "string" || new RegExp(String(said), "u").test(value),
  minItems: countRule((count, said) => count >= said),
  maxItems: countRule((count, said) => count <= said),
  items: (value, said, { schema, root }) =>
    listOf(value)
      .slice(listOf(schema["prefixItems"]).length)
      .every((item) => conforms(item, said, root)),
  prefixItems: (value, said, { root }) =>
    listOf(value).every((item, index) => index >= listOf(said).length || conforms(item, listOf(said)[index], root)),
  required: membersRule((value, said) => listOf(said).every((name) => Object.hasOwn(value, String(name)))),
  properties: membersRule((value, said, { root }) =>
    Object.entries(propertiesOf(said)).every(
      ([name, schema]) => !Object.hasOwn(value, name) || conforms(value[name], schema, root),
    ),
  ),
  additionalProperties: membersRule((value, said, { schema, root }) =>
    Object.entries(value).every(
      ([name, member]) => Object.hasOwn(propertiesOf(schema["properties"]), name) || conforms(member, said, root),
    ),
  ),
  propertyNames: membersRule((value, said, { root }) => Object.keys(value).every((name) => conforms(name, said, root))),
  allOf: (value, said, { root }) => listOf(said).every((schema) => conforms(value, schema, root)),
  anyOf: (value, said, { root }) => listOf(said).some((schema) => conforms(value, schema, root)),
  oneOf: (value, said, { root }) => listOf(said).filter((schema) => conforms(value, schema, root)).length === 1,
  $ref: (value, said, { root }) => {
    let target: unknown = root;
    for (const name of String(said).split("/").slice(1)) target = propertiesOf(target)[name];
    return conforms(value, target, root);
  },
};
