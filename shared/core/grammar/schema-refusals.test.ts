import assert from "node:assert/strict";
import { test } from "node:test";
import { PomonaError } from "../errors.ts";
import { compileJsonSchema } from "./compile-json-schema.ts";

const nested = (depth: number): unknown => (depth === 0 ? {} : { type: "array", items: nested(depth - 1) });
const wide = (count: number, member: unknown): unknown => ({
  type: "object",
  properties: Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, member])),
});
const circular: Record<string, unknown> = {};
circular["items"] = circular;
const open = { type: "object", properties: { a: { type: "integer" } }, required: ["a"] };

const refused: readonly (readonly [string, unknown, RegExp])[] = [
  [
    "a keyword that cannot be enforced",
    { properties: { a: { type: "array", uniqueItems: true } } },
    /keyword `uniqueItems` at #\/properties\/a cannot be enforced/,
  ],
  ["an unknown keyword", { type: "string", foo: 1 }, /keyword `foo` at # cannot be enforced/],
  ["not", { not: {} }, /keyword `not` at # cannot/],
  ["a multiple", { type: "integer", multipleOf: 2 }, /`multipleOf` at #/],
  [
    "an unknown format",
    { type: "string", format: "regex" },
    /`format` at # cannot be enforced: `regex` is none of date,/,
  ],
  ["looking ahead", { type: "string", pattern: "^(?=a)" }, /`pattern` at # cannot be enforced: looking ahead/],
  [
    "looking ahead, where nothing but null is left without it",
    { anyOf: [{ type: "string", pattern: "^(?=a)" }, { type: "null" }] },
    /`pattern` at #\/anyOf\/0 cannot be enforced: looking ahead/,
  ],
  ["a back reference", { type: "string", pattern: "(a)\\1" }, /`pattern` at #.*`\\1`/],
  ["an anchor inside", { type: "string", pattern: "a^b" }, /`pattern` at #.*`\^`/],
  ["a pattern that explodes", { type: "string", pattern: "(a|b)*a(a|b){14}$" }, /the pattern is too large/],
  ["a pattern of a million states", { type: "string", pattern: "((a{1000}){1000}){1000}" }, /the pattern is too large/],
  ["a bound that is no whole number", { type: "number", minimum: 0.5 }, /`minimum` at # cannot be enforced: numbers/],
  ["values beside a range", { enum: [1, 2], minimum: 2 }, /`minimum` at # cannot be enforced: not together/],
  [
    "oneOf whose branches overlap",
    { oneOf: [{ type: "number" }, { type: "integer" }] },
    /`oneOf` at # cannot be enforced: branches 0 and 1 may both match/,
  ],
  ["oneOf whose branches are open", { oneOf: [open, { ...open, properties: { a: {}, b: {} } }] }, /branches 0 and 1/],
  ["oneOf whose branches do not say a type", { oneOf: [{ type: "string" }, { minimum: 1 }] }, /branches 0 and 1/],
  [
    "too many repetitions",
    { type: "string", maxLength: 200_000 },
    /`maxLength` at # cannot be enforced: 200000 is more than 100000/,
  ],
  [
    "too long a text beside a pattern",
    { type: "string", pattern: "^a*$", maxLength: 5000 },
    /beside a pattern, and in names, a length is at most 1999, not 5000/,
  ],
  ["a reference elsewhere", { $ref: "https://example.org/schema" }, /`\$ref` at # cannot be enforced/],
  ["a reference to nothing", { $ref: "#/$defs/a" }, /refers to #\/\$defs\/a, which is not there/],
  ["a reference to itself only", { $ref: "#" }, /refers to itself/],
  ["a choice of itself", { anyOf: [{ $ref: "#" }, { type: "null" }] }, /refers to itself/],
  ["no value at all", { enum: [] }, /`enum` at # must be a list that is not empty/],
  ["values of another type only", { type: "string", enum: [1] }, /the schema at # matches nothing/],
  ["a range the wrong way round", { type: "integer", minimum: 3, maximum: 2 }, /`minimum` is above `maximum`/],
  [
    "lengths the wrong way round",
    { anyOf: [{ type: "null" }, { minLength: 3, maxLength: 2 }] },
    /`minLength` is above/,
  ],
  ["numbers of items the wrong way round", { type: "array", minItems: 3, maxItems: 2 }, /`minItems` is above/],
  ["an empty range", { type: "integer", exclusiveMinimum: 1, exclusiveMaximum: 2 }, /matches nothing/],
  ["false", { type: "array", items: { allOf: [false] }, minItems: 1 }, /matches nothing/],
  ["a pattern that contradicts a length", { pattern: "^a{3}$", maxLength: 2 }, /no text matches the schema at #/],
  ["types that contradict each other", { type: "string", allOf: [{ type: "null" }] }, /matches nothing/],
  [
    "a required property that is forbidden",
    { properties: { a: {} }, additionalProperties: false, required: ["b"] },
    /matches nothing/,
  ],
  [
    "values that require themselves",
    { type: "object", properties: { a: { $ref: "#" } }, required: ["a"] },
    /matches nothing that ends/,
  ],
  ["a type that is none", { type: "float" }, /`type` at # must be of null,/],
  ["properties that are no schemas", { properties: { a: 1 } }, /schema at #\/properties\/a must be an object/],
  ["no schema", "string", /schema at # must be an object, true or false/],
  ["a function", { default: () => 1 }, /no JSON/],
  [
    "a word of 160 KB",
    { enum: ["x".repeat(160_000)] },
    /the listed values of the schema, or of all together, are too long/,
  ],
  [
    "a thousand long names that others must not have",
    {
      properties: Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`${"name".repeat(12)}${i}`, {}])),
      additionalProperties: {},
    },
    /the names of properties of the schema, or of all together, are too long/,
  ],
  [
    "a tree of references",
    {
      $ref: "#/$defs/d0",
      $defs: Object.fromEntries(
        Array.from({ length: 30 }, (_, i) => [
          `d${i}`,
          i < 29 ? { allOf: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] } : {},
        ]),
      ),
    },
    /combines too many schemas/,
  ],
  [
    "a billion items",
    { type: "array", minItems: 1e9 },
    /`minItems` at # cannot be enforced: 1000000000 is more than 1999/,
  ],
  ["half a surrogate pair", { const: "\ud800" }, /half a surrogate pair/],
  ["itself, in memory", circular, /nested deeper than 100/],
  ["101 levels", nested(101), /nested deeper than 100/],
  ["257 KB", { description: "x".repeat(257 * 1024) }, /longer than 262144 bytes/],
  ["257 KB of UTF-8", { description: "é".repeat(129 * 1024) }, /longer than 262144 bytes/],
  [
    "a product of choices",
    {
      allOf: Array.from({ length: 6 }, () => ({
        anyOf: Array.from({ length: 20 }, (_, index) => ({ minLength: index })),
      })),
    },
    /combines too many schemas/,
  ],
  [
    "a grammar that is too large",
    wide(500, { type: "string", maxLength: 1900 }),
    /^the grammar that the schema makes is too large: /,
  ],
];

for (const [name, schema, message] of refused) {
  test(`a schema may not have ${name}`, () => {
    assert.throws(
      () => compileJsonSchema(schema, "response_format.json_schema.schema"),
      (error) => {
        assert.ok(error instanceof PomonaError, String(error));
        assert.equal(error.code, "invalid_request");
        assert.equal(error.field, "response_format.json_schema.schema");
        assert.match(error.message, message);
        return true;
      },
    );
  });
}
