// For tests only: random schemas, each with a document that matches it and is written as the compiler allows.
import fc from "fast-check";

export type SchemaExample = { readonly schema: Record<string, unknown>; readonly document: unknown };

const names = fc.oneof(fc.constantFrom("a", "ab", "b", "kind", 'q"', "é", "new\nline"), fc.string({ maxLength: 4 }));
const texts = fc.string({ unit: "grapheme", maxLength: 8 });

const numbers: fc.Arbitrary<SchemaExample> = fc
  .record({ value: fc.integer(), below: fc.nat(), above: fc.nat(), hasLow: fc.boolean(), hasHigh: fc.boolean() })
  .chain(({ value, below, above, hasLow, hasHigh }) =>
    fc.constantFrom("integer", "number").map((type) => ({
      schema: { type, ...(hasLow ? { minimum: value - below } : {}), ...(hasHigh ? { maximum: value + above } : {}) },
      document: value,
    })),
  );
const fractions: fc.Arbitrary<SchemaExample> = fc
  .double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 })
  .filter((value) => !/e/.test(String(value)))
  .chain((value) =>
    fc.constantFrom("maximum", "exclusiveMaximum").map((high) => ({
      schema: { type: "number", exclusiveMinimum: Math.floor(value) - 1, [high]: Math.ceil(value) + 2 },
      document: value === 0 ? 0 : value,
    })),
  );
const strings: fc.Arbitrary<SchemaExample> = fc.record({ text: texts, slack: fc.nat(3) }).map(({ text, slack }) => {
  const length = [...text].length;
  return {
    schema: { type: "string", minLength: Math.max(0, length - slack), maxLength: length + slack },
    document: text,
  };
});
const patterns: fc.Arbitrary<SchemaExample> = fc
  .constantFrom("^[a-z]{1,3}-\\d+$", "b|^c", "^(?:x|yz)*$", "^\\S+\\s?$", '^["\\\\\\n]+$')
  .chain((pattern) =>
    fc.stringMatching(new RegExp(pattern)).map((document) => ({ schema: { type: "string", pattern }, document })),
  )
  .filter(({ document }) => !/\p{Surrogate}/u.test(document) && document.length < 50);
const values: fc.Arbitrary<SchemaExample> = fc
  .tuple(fc.array(fc.jsonValue({ maxDepth: 1 }), { maxLength: 4 }), fc.oneof(texts, fc.integer(), fc.constant(null)))
  .map(([others, document]) => ({ schema: { enum: [...others, document] }, document }));
const anything: fc.Arbitrary<SchemaExample> = fc
  .oneof(texts, fc.integer(), fc.boolean(), fc.constant(null), fc.array(texts, { maxLength: 2 }))
  .map((document) => ({ schema: { description: "anything" }, document }));
const nullable: fc.Arbitrary<SchemaExample> = fc
  .constantFrom<unknown>("text", null, true)
  .map((document) => ({ schema: { type: ["string", "null", "boolean"] }, document }));

const leaves = fc.oneof(numbers, fractions, strings, patterns, values, anything, nullable);

function objects(inner: fc.Arbitrary<SchemaExample>): fc.Arbitrary<SchemaExample> {
  const member = fc.record({ name: names, inner, isRequired: fc.boolean(), isThere: fc.boolean() });
  const members = fc
    .uniqueArray(member, { selector: ({ name }) => name, maxLength: 4 })
    // JavaScript puts names that are whole numbers first, and gives __proto__ a meaning.
    .filter((all) => all.every(({ name }) => !/^\d+$|^__proto__$/.test(name)));
  return fc
    .record({ members, isOpen: fc.boolean(), others: fc.dictionary(fc.constantFrom("z1", "z2"), fc.integer()) })
    .map(({ members: all, isOpen, others }) => {
      const there = all.filter(({ isRequired, isThere }) => isRequired || isThere);
      const document = Object.fromEntries(there.map(({ name, inner: { document: value } }) => [name, value]));
      const schema = {
        type: "object",
        properties: Object.fromEntries(all.map(({ name, inner: { schema: value } }) => [name, value])),
        required: all.filter(({ isRequired }) => isRequired).map(({ name }) => name),
        additionalProperties: isOpen ? { type: "integer" } : false,
      };
      return { schema, document: isOpen ? { ...document, ...others } : document };
    });
}

function lists(inner: fc.Arbitrary<SchemaExample>): fc.Arbitrary<SchemaExample> {
  return fc
    .record({ prefix: fc.array(inner, { maxLength: 2 }), item: inner, count: fc.nat(3), slack: fc.nat(2) })
    .map(({ prefix, item, count, slack }) => {
      const document = [...prefix.map((one) => one.document), ...Array.from({ length: count }, () => item.document)];
      const schema = {
        type: "array",
        ...(prefix.length > 0 ? { prefixItems: prefix.map((one) => one.schema) } : {}),
        items: item.schema,
        minItems: Math.max(0, document.length - slack),
        maxItems: document.length + slack,
      };
      return { schema, document };
    });
}

function choices(inner: fc.Arbitrary<SchemaExample>): fc.Arbitrary<SchemaExample> {
  return fc
    .record({ branches: fc.array(inner, { minLength: 1, maxLength: 3 }), which: fc.nat(), isTold: fc.boolean() })
    .map(({ branches, which, isTold }) => {
      const index = which % branches.length;
      if (!isTold) {
        return { schema: { anyOf: branches.map(({ schema }) => schema) }, document: branches[index]?.document };
      }
      const told = branches.map(({ schema }, kind) => ({
        type: "object",
        properties: { kind: { const: kind }, value: schema },
        required: ["kind", "value"],
      }));
      return { schema: { oneOf: told }, document: { kind: index, value: branches[index]?.document } };
    });
}

function merged(inner: fc.Arbitrary<SchemaExample>): fc.Arbitrary<SchemaExample> {
  return fc.tuple(inner, inner).map(([one, other]) => ({
    schema: {
      allOf: [
        { type: "object", properties: { one: one.schema }, required: ["one"] },
        { properties: { other: other.schema } },
      ],
    },
    document: { one: one.document, other: other.document },
  }));
}

/** Schemas up to three levels deep. */
export const schemaExamples: fc.Arbitrary<SchemaExample> = [1, 2].reduce<fc.Arbitrary<SchemaExample>>(
  (inner) => fc.oneof(leaves, objects(inner), lists(inner), choices(inner), merged(inner)),
  leaves,
);
