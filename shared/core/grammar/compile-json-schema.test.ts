import assert from "node:assert/strict";
import { test } from "node:test";
import { compileJsonSchema } from "./compile-json-schema.ts";
import { GbnfMatcher } from "./testing/gbnf-matcher.ts";

type Case = { readonly schema: unknown; readonly yes: readonly unknown[]; readonly no: readonly unknown[] };

const node = {
  type: "object",
  properties: { value: { type: "integer" }, next: { anyOf: [{ $ref: "#/$defs/node" }, { type: "null" }] } },
  required: ["value", "next"],
  additionalProperties: false,
};
const kinds = (keyword: string): unknown => ({
  [keyword]: [
    { type: "object", properties: { kind: { const: "a" }, x: { type: "integer" } }, required: ["kind", "x"] },
    { type: "object", properties: { kind: { const: "b" }, y: { type: "string" } }, required: ["kind"] },
  ],
});

const cases: Readonly<Record<string, Case>> = {
  "objects of OpenAI's strict mode": {
    schema: {
      type: "object",
      properties: { name: { type: "string", description: "a name" }, age: { type: ["integer", "null"] } },
      required: ["name", "age"],
      additionalProperties: false,
      $schema: "http://json-schema.org/draft-07/schema#",
      title: "Person",
    },
    yes: [
      { name: "Ada", age: 36 },
      { name: "", age: null },
    ],
    no: [{}, { name: "Ada" }, { age: 1, name: "Ada" }, { name: "Ada", age: 1.5 }, { name: "Ada", age: 1, x: 1 }, null],
  },
  "nulls as OpenAPI 3.0 says it, where a type stands beside it": {
    schema: {
      type: "object",
      properties: {
        a: { type: "string", minLength: 1, nullable: true },
        b: { type: "integer", nullable: false },
        c: { enum: ["x"], nullable: true },
      },
      required: ["a", "b", "c"],
      strict: true,
    },
    yes: [
      { a: "a", b: 1, c: "x" },
      { a: null, b: 1, c: "x" },
    ],
    no: [
      { a: "", b: 1, c: "x" },
      { a: "a", b: null, c: "x" },
      { a: "a", b: 1, c: null },
    ],
  },
  "a decimal as pydantic has it, which is a number where its text cannot be told": {
    schema: {
      anyOf: [{ type: "number" }, { type: "string", pattern: "^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$" }, { type: "null" }],
    },
    yes: [1.5, null],
    no: ["1.5", "", []],
  },
  "optional properties in any choice": {
    schema: {
      type: "object",
      properties: { a: { type: "null" }, b: { type: "null" }, c: { type: "null" } },
      required: ["b"],
    },
    yes: [{ b: null }, { a: null, b: null }, { b: null, c: null }, { a: null, b: null, c: null }],
    no: [{}, { a: null }, { a: null, c: null }, { b: null, d: null }],
  },
  "no property at all": { schema: { type: "object", properties: {} }, yes: [{}], no: [{ a: 1 }, []] },
  "other properties with a schema, and never a listed one again": {
    schema: { type: "object", properties: { ab: { type: "null" } }, additionalProperties: { type: "integer" } },
    yes: [{}, { ab: null }, { a: 1 }, { ab: null, abc: 2, é: 3 }],
    no: [{ ab: 1 }, { a: "x" }],
  },
  "any properties": {
    schema: { type: "object" },
    yes: [{}, { a: [1, { b: null }] }],
    no: [[], "x"],
  },
  "a required property that is not listed": {
    schema: { type: "object", properties: { a: { type: "null" } }, required: ["b"] },
    yes: [{ b: 1 }, { a: null, b: [] }],
    no: [{ a: null }],
  },
  "names of properties": {
    schema: {
      type: "object",
      propertyNames: { pattern: "^[a-z]+$", maxLength: 2 },
      additionalProperties: { type: "integer" },
    },
    yes: [{}, { a: 1, zz: 2 }],
    no: [{ A: 1 }, { abc: 1 }],
  },
  "values of every kind": {
    schema: { enum: ["red", "green", 'a"b\n', 3, null, true, { a: [1] }] },
    yes: ["red", "green", 'a"b\n', 3, null, true, { a: [1] }],
    no: ["blue", "re", "redd", 4, false, {}],
  },
  "the values that are of the type": {
    schema: { type: ["string", "null"], enum: ["a", 1, null] },
    yes: ["a", null],
    no: [1, "b"],
  },
  "a constant": { schema: { const: "a", type: "string" }, yes: ["a"], no: ["b", null] },
  "whole numbers in a range": {
    schema: { type: "integer", minimum: -12, exclusiveMaximum: 205 },
    yes: [-12, -9, -1, 0, 7, 99, 100, 199, 204],
    no: [-13, -100, 205, 999, 1.5, "1"],
  },
  "whole numbers from one on": {
    schema: { type: "integer", minimum: 37 },
    yes: [37, 99, 100, 123456789, Number.MAX_SAFE_INTEGER],
    no: [36, 0, -40],
  },
  "numbers in a range": {
    schema: { type: "number", minimum: 0, exclusiveMaximum: 1 },
    yes: [0, 0.5, 0.000001],
    no: [1, -0.5, 1.5],
  },
  "numbers between ends that are left out": {
    schema: { type: "number", exclusiveMinimum: -1, exclusiveMaximum: 1 },
    yes: [0, 0.5, -0.25, 0.001],
    no: [1, -1, 2],
  },
  "numbers above zero": { schema: { type: "number", exclusiveMinimum: 0 }, yes: [0.1, 1, 17.25], no: [0, -1] },
  "the range of a format": {
    schema: { type: "integer", format: "int32" },
    yes: [2147483647, -2147483648],
    no: [2147483648],
  },
  "lengths in code points": {
    schema: { type: "string", minLength: 2, maxLength: 3 },
    yes: ["ab", 'a\n"', "😀é"],
    no: ["", "a", "😀", "abcd"],
  },
  "a pattern with anchors": { schema: { type: "string", pattern: "^a+b?$" }, yes: ["a", "aab"], no: ["", "b", "abb"] },
  "a pattern without anchors": {
    schema: { type: "string", pattern: "b.d" },
    yes: ["bcd", "abcde"],
    no: ["bd", "b\nd"],
  },
  "a pattern, a length and a format together": {
    schema: { type: "string", format: "date", pattern: "^20", minLength: 10 },
    yes: ["2024-02-29"],
    no: ["1999-01-01", "2023-02-29"],
  },
  lists: {
    schema: { type: "array", items: { type: "integer" }, minItems: 1, maxItems: 3 },
    yes: [[1], [1, 2, 3]],
    no: [[], [1, 2, 3, 4], ["a"], {}],
  },
  "lists with a prefix": {
    schema: {
      type: "array",
      prefixItems: [{ type: "integer" }, { type: "null" }],
      items: { type: "string" },
      minItems: 1,
    },
    yes: [[1], [1, null], [1, null, "a", "b"]],
    no: [[], [null], [1, "a"], [1, null, 2]],
  },
  "lists with nothing behind a prefix": {
    schema: { prefixItems: [{ type: "integer" }] },
    yes: [[], [1]],
    no: [[1, 2]],
  },
  "lists of a fixed length, as draft 7 writes them": {
    schema: { type: "array", items: [{ type: "integer" }, { type: "null" }], minItems: 2 },
    yes: [[1, null]],
    no: [[1], [1, null, 1]],
  },
  "the empty list only": { schema: { type: "array", maxItems: 0 }, yes: [[]], no: [[1]] },
  "recursion by $defs": {
    schema: { $ref: "#/$defs/node", $defs: { node } },
    yes: [
      { value: 1, next: null },
      { value: 1, next: { value: 2, next: null } },
    ],
    no: [{ value: 1 }, { value: 1, next: { value: 2 } }],
  },
  "recursion by #": {
    schema: {
      type: "object",
      properties: { items: { type: "array", items: { $ref: "#" } } },
      additionalProperties: false,
    },
    yes: [{}, { items: [] }, { items: [{ items: [{}] }, {}] }],
    no: [{ items: [1] }],
  },
  "references by definitions, with escapes": {
    schema: { $ref: "#/definitions/a~1b%20c", definitions: { "a/b c": { type: "null" } } },
    yes: [null],
    no: [1],
  },
  "a reference with keywords beside it": {
    schema: { $ref: "#/$defs/text", maxLength: 1, $defs: { text: { type: "string" } } },
    yes: ["a"],
    no: ["ab"],
  },
  anyOf: {
    schema: kinds("anyOf"),
    yes: [{ kind: "a", x: 1 }, { kind: "b" }],
    no: [{ kind: "a" }, { kind: "c" }, { kind: "b", x: 1 }],
  },
  "oneOf with a property that tells": {
    schema: kinds("oneOf"),
    yes: [
      { kind: "a", x: 1 },
      { kind: "b", y: "" },
    ],
    no: [{ kind: "b", x: 1 }],
  },
  "oneOf by type": {
    schema: { oneOf: [{ type: "string" }, { type: "integer" }, { type: "null" }] },
    yes: ["", 1, null],
    no: [1.5, []],
  },
  "oneOf by what is required": {
    schema: {
      type: "object",
      oneOf: [
        { properties: { a: {} }, required: ["a"] },
        { properties: { b: {} }, required: ["b"] },
      ],
    },
    yes: [{ a: 1 }, { b: 1 }],
    no: [{}, { a: 1, b: 1 }],
  },
  "allOf of objects": {
    schema: {
      allOf: [
        { $ref: "#/$defs/named" },
        { properties: { name: { minLength: 1 }, age: { type: "integer" } }, required: ["age"] },
      ],
      $defs: { named: { type: "object", properties: { name: { type: "string" } }, required: ["name"] } },
    },
    yes: [{ name: "a", age: 1 }],
    no: [{ name: "", age: 1 }, { name: "a" }, { age: 1 }],
  },
  "a choice beside properties": {
    schema: {
      type: "object",
      properties: { a: { type: "null" }, b: { type: "null" } },
      anyOf: [{ required: ["a"] }, { required: ["b"] }],
    },
    yes: [{ a: null }, { b: null }, { a: null, b: null }],
    no: [{}],
  },
  anything: { schema: true, yes: [null, 1.5e-7, "x", [[]], { a: {} }, false], no: [] },
};

for (const [name, { schema, yes, no }] of Object.entries(cases)) {
  test(`a schema may have ${name}`, () => {
    const matcher = new GbnfMatcher(compileJsonSchema(schema));
    for (const document of yes) assert.equal(matcher.matches(JSON.stringify(document)), true, JSON.stringify(document));
    for (const document of no) assert.equal(matcher.matches(JSON.stringify(document)), false, JSON.stringify(document));
  });
}

const formats: Readonly<Record<string, readonly [yes: readonly string[], no: readonly string[]]>> = {
  date: [
    ["2024-02-29", "1999-12-31", "2000-02-29"],
    ["2023-02-29", "1900-02-29", "2024-13-01", "2024-1-1", "2024-04-31"],
  ],
  time: [
    ["23:59:59Z", "00:00:00.123+01:00"],
    ["24:00:00Z", "12:00:00", "12:60:00Z"],
  ],
  "date-time": [["2024-02-29T12:00:00Z"], ["2024-02-29 12:00:00Z", "2024-02-29"]],
  duration: [
    ["P1Y2M3DT4H5M6S", "PT1H", "P2W", "P1D"],
    ["P", "PT", "P1DT", "1D", "P1H"],
  ],
  uuid: [["123e4567-e89b-12d3-a456-426614174000"], ["123e4567e89b12d3a456426614174000"]],
  email: [["ada.l+x@mail.example.org"], ["ada", "@example.org", "ada@example", "a b@example.org"]],
  hostname: [
    ["localhost", "a-1.example.org"],
    ["-a.org", "a..b", ""],
  ],
  ipv4: [
    ["127.0.0.1", "255.255.255.255"],
    ["256.0.0.1", "1.2.3", "01.2.3.4"],
  ],
  ipv6: [
    ["::", "::1", "2001:db8::8a2e:370:7334", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::"],
    ["1::2::3", "1:2:3", ":1", "12345::"],
  ],
  uri: [
    ["https://example.org:80/a/b?c=d#e", "mailto:a@b.c", "urn:isbn:1"],
    ["/a", "a b", "http://"],
  ],
};

for (const [format, [yes, no]] of Object.entries(formats)) {
  test(`strings of the format ${format} are told from others`, () => {
    const matcher = new GbnfMatcher(compileJsonSchema({ type: "string", format }));
    for (const text of yes) assert.equal(matcher.matches(JSON.stringify(text)), true, text);
    for (const text of no) assert.equal(matcher.matches(JSON.stringify(text)), false, text);
  });
}

test("blanks are allowed where JSON is usually printed with them, and not without end", () => {
  const schema = { type: "object", properties: { a: { type: "array", items: { type: "null" } }, b: {} } };
  const matcher = new GbnfMatcher(compileJsonSchema(schema));
  const document = { a: [null, null], b: { c: [1] } };
  for (const indent of [0, 1, 2, 4, "\t"]) assert.ok(matcher.matches(JSON.stringify(document, null, indent)));
  assert.ok(matcher.matches('{"a": [null, null], "b": {"c": [1]}}'));
  assert.ok(matcher.matches('{ "a": [ null ] }'));
  for (const text of ['{"a":  [null]}', "{  }", "{\n\n}", "{} ", " {}"]) assert.ok(!matcher.matches(text), text);
});

test("values that several properties list are written once", () => {
  const values = { enum: ["first", "second", 3] };
  const grammar = compileJsonSchema({
    type: "object",
    properties: { a: values, b: { ...values } },
    required: ["a", "b"],
  });
  assert.equal(grammar.split("first").length, 2);
});
