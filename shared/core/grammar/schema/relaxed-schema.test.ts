import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { runThrough } from "../../slices.ts";
import { GrammarWriter } from "../gbnf/grammar-writer.ts";
import { GbnfMatcher } from "../testing/gbnf-matcher.ts";
import { schemaExamples } from "../testing/random-schemas.ts";
import { relaxedSchema } from "./relaxed-schema.ts";
import { SchemaCompiler } from "./schema-compiler.ts";
import { SchemaDocument } from "./schema-document.ts";

function compileRelaxed(schema: unknown): GbnfMatcher {
  const writer = new GrammarWriter("schema");
  const document = new SchemaDocument(schema, "schema", { budget: writer.budget, relax: relaxedSchema });
  const compiler = new SchemaCompiler(document, writer);
  const root = compiler.ruleFor([document.root]);
  compiler.finish();
  return new GbnfMatcher(runThrough(writer.finish(root)));
}

/** Each schema, what is left of it, a value that it matches, and one that is refused still. */
const cases: readonly (readonly [name: string, schema: object, relaxed: object, right: unknown, wrong: unknown])[] = [
  [
    "keywords that are not known",
    { type: "array", items: { type: "integer", multipleOf: 5 }, uniqueItems: true, not: {} },
    { type: "array", items: { type: "integer" } },
    [5, 10],
    ["5"],
  ],
  [
    "formats without a grammar",
    { properties: { a: { type: "string", format: "binary" }, b: { type: "string", format: "date" } }, required: ["b"] },
    { properties: { a: { type: "string" }, b: { type: "string", format: "date" } }, required: ["b"] },
    { a: "x", b: "2026-01-31" },
    { a: "x", b: "soon" },
  ],
  [
    "patterns that look ahead",
    { $defs: { word: { type: "string", pattern: "^(?=a)b" } }, $ref: "#/$defs/word" },
    { $defs: { word: { type: "string" } }, $ref: "#/$defs/word" },
    "b",
    1,
  ],
  [
    "references elsewhere",
    { type: "array", prefixItems: [{ $ref: "https://example.com/schema" }, { type: "null" }] },
    { type: "array", prefixItems: [{}, { type: "null" }] },
    [{ a: 1 }, null],
    [{ a: 1 }, 1],
  ],
  [
    "what stands beside a list of values",
    { type: ["string", "null"], enum: ["a", null, 1], minLength: 1, pattern: "^a" },
    { type: ["string", "null"], enum: ["a", null, 1] },
    "a",
    1,
  ],
  [
    "ends that are no whole numbers",
    { anyOf: [{ type: "number", exclusiveMinimum: 0.5, maximum: 1.25 }, { type: "string" }] },
    { anyOf: [{ type: "number", minimum: 0, maximum: 2 }, { type: "string" }] },
    0.75,
    3,
  ],
  [
    "a whole number's ends, which can be enforced",
    { type: "integer", minimum: 0.5 },
    { type: "integer", minimum: 0.5 },
    1,
    0,
  ],
  [
    "branches that may both match",
    { oneOf: [{ type: "integer" }, { type: "number" }] },
    { oneOf: [{ type: "integer" }, { type: "number" }] },
    1,
    "1",
  ],
  [
    "references to a branch",
    { prefixItems: [{ oneOf: [{ type: "integer" }, { type: "null" }] }, { $ref: "#/prefixItems/0/oneOf/0" }] },
    { prefixItems: [{ oneOf: [{ type: "integer" }, { type: "null" }] }, { $ref: "#/prefixItems/0/oneOf/0" }] },
    [null, 1],
    [1, null],
  ],
  [
    "what another schema says about listed values",
    { type: "string", minLength: 1, allOf: [{ enum: ["a", "b"] }] },
    { type: "string", minLength: 1, allOf: [{ enum: ["a", "b"] }] },
    "a",
    "c",
  ],
  [
    "ends as draft 4 leaves them out",
    { type: "number", minimum: 0, exclusiveMinimum: true },
    { type: "number", minimum: 0 },
    1,
    -1,
  ],
];

const integer = { type: "integer" };
const text = { type: "string" };

/** Values that keywords without a grammar speak of, which nothing else may keep out. */
const extendedCases: typeof cases = [
  [
    "patterns of names beside others that are closed",
    { type: "object", patternProperties: { "^x-": text, "^y": false }, additionalProperties: false },
    { type: "object", additionalProperties: { anyOf: [text, false] } },
    { "x-a": "b" },
    { "x-a": 1 },
  ],
  [
    "names that must not be there",
    { type: "object", patternProperties: { "^y": false }, additionalProperties: false },
    { type: "object", additionalProperties: false },
    {},
    { y: 1 },
  ],
  [
    "patterns of names beside properties",
    { properties: { a: integer }, patternProperties: { "^x-": text } },
    { properties: { a: integer }, additionalProperties: true },
    { a: 1, "x-a": "b" },
    { a: "b" },
  ],
  [
    "conditions",
    { type: "object", properties: { a: integer }, allOf: [{ if: {}, else: { properties: { b: text } } }] },
    { type: "object", properties: { a: integer }, allOf: [{}], additionalProperties: true },
    { a: 1, b: "b" },
    { a: "b" },
  ],
  [
    "conditions beside a reference",
    { $ref: "#/$defs/a", dependentSchemas: { a: { required: ["b"] } }, $defs: { a: { properties: { a: integer } } } },
    { $ref: "#/$defs/a", $defs: { a: { properties: { a: integer } } }, additionalProperties: true },
    { a: 1, b: "b" },
    { a: "b" },
  ],
  [
    "a reference elsewhere beside properties",
    { allOf: [{ $ref: "base.json" }, { properties: { a: integer } }] },
    { allOf: [{}, { properties: { a: integer }, additionalProperties: true }] },
    { a: 1, b: "b" },
    { a: "b" },
  ],
  [
    "conditions of another value",
    { properties: { a: { properties: { b: integer } }, c: { if: {}, else: {} } } },
    { properties: { a: { properties: { b: integer } }, c: {} } },
    { a: { b: 1 } },
    { a: { c: 1 } },
  ],
  [
    "more items, of draft 7",
    { type: "array", items: [integer], additionalItems: text },
    { type: "array", prefixItems: [integer], items: text },
    [1, "a", "b"],
    [1, 2],
  ],
  [
    "more items, of 2020-12",
    { type: "array", prefixItems: [integer], unevaluatedItems: text },
    { type: "array", prefixItems: [integer], items: true },
    [1, "a", "b"],
    ["a"],
  ],
];

for (const [name, schema, relaxed, right, wrong] of [...cases, ...extendedCases]) {
  test(`of ${name} is left what can be enforced`, () => {
    assert.deepEqual(relaxedSchema(schema), relaxed);
    const matcher = compileRelaxed(schema);
    assert.ok(matcher.matches(JSON.stringify(right)));
    assert.ok(!matcher.matches(JSON.stringify(wrong)));
  });
}

test("what is wrong, or too much, stays so", () => {
  for (const schema of [
    { type: "word" },
    { properties: [] },
    { format: 1 },
    { $ref: "#/$defs/none" },
    { minItems: 1e9 },
  ])
    assert.throws(() => compileRelaxed(schema), { code: "invalid_request" });
  assert.equal(relaxedSchema(true), true);
});

test("whatever matches a schema matches what is left of it", () => {
  const more = fc.constantFrom<object>(
    {},
    { not: { type: "integer" } },
    { format: "password" },
    { dependentRequired: { a: ["b"] } },
    { contains: {}, minContains: 1 },
    { if: {}, else: false },
  );
  fc.assert(
    fc.property(schemaExamples, more, ({ schema, document }, unknown) => {
      const matcher = compileRelaxed({ ...unknown, ...schema });
      assert.ok(matcher.matches(JSON.stringify(document)), JSON.stringify({ schema, document, unknown }));
    }),
    { numRuns: 300 },
  );
});
