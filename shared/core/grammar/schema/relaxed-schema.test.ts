import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compileJsonSchema } from "../compile-json-schema.ts";
import { GbnfMatcher } from "../testing/gbnf-matcher.ts";
import { schemaExamples } from "../testing/random-schemas.ts";
import { relaxedSchema } from "./relaxed-schema.ts";

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
    { anyOf: [{ type: "integer" }, { type: "number" }] },
    1,
    "1",
  ],
];

for (const [name, schema, relaxed, right, wrong] of cases) {
  test(`of ${name} is left what can be enforced`, () => {
    assert.deepEqual(relaxedSchema(schema), relaxed);
    const matcher = new GbnfMatcher(compileJsonSchema(relaxed));
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
    assert.throws(() => compileJsonSchema(relaxedSchema(schema)), { code: "invalid_request" });
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
      const relaxed = relaxedSchema({ ...unknown, ...schema });
      const matcher = new GbnfMatcher(compileJsonSchema(relaxed));
      assert.ok(matcher.matches(JSON.stringify(document)), JSON.stringify({ schema, document, relaxed }));
    }),
    { numRuns: 300 },
  );
});
