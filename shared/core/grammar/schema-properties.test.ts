import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compileJsonSchema } from "./compile-json-schema.ts";
import { GbnfMatcher, sampleText } from "./testing/gbnf-matcher.ts";
import { conforms } from "./testing/json-conformance.ts";
import { schemaExamples } from "./testing/random-schemas.ts";

test("a document that matches a schema is a text of its grammar, however it is indented", () => {
  fc.assert(
    fc.property(schemaExamples, fc.constantFrom(0, 1, 2), ({ schema, document }, indent) => {
      assert.ok(conforms(document, schema), "the example is wrong");
      const matcher = new GbnfMatcher(compileJsonSchema(schema));
      assert.ok(matcher.matches(JSON.stringify(document, null, indent)), JSON.stringify({ schema, document }));
    }),
    { numRuns: 300 },
  );
});

test("every text of a grammar is JSON that matches the schema", () => {
  const draws = fc.infiniteStream(fc.nat());
  fc.assert(
    fc.property(schemaExamples, draws, ({ schema }, stream) => {
      const { grammar } = new GbnfMatcher(compileJsonSchema(schema));
      const choose = (count: number): number => Number(stream.next().value) % count;
      for (let sample = 0; sample < 3; sample += 1) {
        const text = sampleText(grammar, choose, 60);
        assert.ok(conforms(JSON.parse(text), schema), JSON.stringify({ schema, text }));
      }
    }),
    { numRuns: 300 },
  );
});

test("a document of another schema is a text of the grammar only if it matches", () => {
  fc.assert(
    fc.property(schemaExamples, schemaExamples, ({ schema }, { document }) => {
      const isText = new GbnfMatcher(compileJsonSchema(schema)).matches(JSON.stringify(document));
      assert.ok(!isText || conforms(document, schema), JSON.stringify({ schema, document }));
    }),
    { numRuns: 300 },
  );
});

test("hundreds of values or properties do not make the engine follow hundreds of derivations", () => {
  const colours = Array.from({ length: 500 }, (_, index) => `colour-${index}`);
  const matcher = new GbnfMatcher(compileJsonSchema({ type: "array", items: { enum: colours } }));
  assert.ok(matcher.matches(JSON.stringify(colours)));
  assert.ok(matcher.stacksMax <= 20, `${matcher.stacksMax} derivations`);
});

test("as many values are listed as OpenAI takes, and with more letters", () => {
  const values = Array.from({ length: 1000 }, (_, index) => `${index} ${`word-${index % 7} \u{1f600}<é" `.repeat(9)}`);
  const matcher = new GbnfMatcher(compileJsonSchema({ enum: values }));
  for (const value of values.slice(0, 100)) {
    assert.ok(matcher.matches(JSON.stringify(value)), value);
    assert.ok(!matcher.matches(JSON.stringify(value.slice(0, -1))), value);
  }
});
