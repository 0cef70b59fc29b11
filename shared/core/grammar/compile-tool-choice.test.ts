import assert from "node:assert/strict";
import { test } from "node:test";
import { PomonaError } from "../errors.ts";
import { type ChoosableTool, compileToolChoice, type ToolCallStyle, toolCallStyles } from "./compile-tool-choice.ts";
import { GbnfMatcher } from "./testing/gbnf-matcher.ts";

const weather = {
  name: "get_weather",
  parameters: {
    type: "object",
    properties: { city: { $ref: "#/$defs/city" } },
    required: ["city"],
    $defs: { city: { enum: ["Rome", "Oslo"] } },
  },
};
const clock = { name: "now" };
const search = { name: "search", parameters: { type: "object", properties: { city: { type: "integer" } } } };
const tools = [weather, clock, search];

const forms: Readonly<Record<ToolCallStyle, (name: string, values: string) => string>> = {
  hermes: (name, values) => `<tool_call>\n{"name": "${name}", "arguments": ${values}}\n</tool_call>`,
  llama3: (name, values) => `{"name": "${name}", "parameters": ${values}}`,
  mistral: (name, values) => `[TOOL_CALLS][{"name": "${name}", "arguments": ${values}}]`,
  deepseek: (name, values) =>
    `<\uff5ctool\u2581calls\u2581begin\uff5c><\uff5ctool\u2581call\u2581begin\uff5c>${name}<\uff5ctool\u2581sep\uff5c>${values}` +
    "<\uff5ctool\u2581call\u2581end\uff5c><\uff5ctool\u2581calls\u2581end\uff5c>",
  harmony: (name, values) => `<|channel|>commentary to=functions.${name} <|constrain|>json<|message|>${values}`,
  json: (name, values) => `{"name": "${name}", "arguments": ${values}}`,
};

for (const style of toolCallStyles) {
  test(`a call in the style ${style} names a tool and has its arguments`, () => {
    const matcher = new GbnfMatcher(compileToolChoice(tools, "required", style));
    const form = forms[style];
    for (const text of [form("get_weather", '{"city": "Rome"}'), form("now", "{}"), form("search", '{"city": 3}')]) {
      assert.ok(matcher.matches(text), text);
      assert.ok(matcher.matches(text.replaceAll(": ", ":").replaceAll(", ", ",")), text);
    }
    for (const text of [
      form("get_weather", '{"city": "Bonn"}'),
      form("get_weather", "{}"),
      form("now", '{"a": 1}'),
      form("other", "{}"),
      "Rome is sunny.",
      "",
    ]) {
      assert.ok(!matcher.matches(text), text);
    }
  });
}

test("a choice by name allows no other tool", () => {
  const matcher = new GbnfMatcher(compileToolChoice(tools, { name: "now" }, "json"));
  assert.ok(matcher.matches('{"name": "now", "arguments": {}}'));
  assert.ok(!matcher.matches('{"name": "search", "arguments": {}}'));
});

test("arguments are an object, whatever the schema leaves open", () => {
  const matcher = new GbnfMatcher(compileToolChoice([{ name: "f", parameters: {} }], "required", "json"));
  assert.ok(matcher.matches('{"name": "f", "arguments": {"a": [1]}}'));
  assert.ok(!matcher.matches('{"name": "f", "arguments": 1}'));
});

test("of a tool that is not strict as much is enforced as can be", () => {
  const parameters = {
    type: "object",
    properties: { tags: { type: "array", items: { type: "string" }, uniqueItems: true }, share: { multipleOf: 0.5 } },
    required: ["tags"],
    minProperties: 1,
  };
  for (const strict of [undefined, "where-possible"] as const) {
    const tool = { name: "f", parameters, ...(strict === undefined ? {} : { strict }) };
    const matcher = new GbnfMatcher(compileToolChoice([tool], "required", "json"));
    assert.ok(matcher.matches('{"name": "f", "arguments": {"tags": ["a", "b"]}}'));
    assert.ok(!matcher.matches('{"name": "f", "arguments": {"tags": [1]}}'));
    assert.ok(!matcher.matches('{"name": "f", "arguments": {}}'));
  }
});

const wrong: readonly (readonly [string, readonly ChoosableTool[], string, RegExp])[] = [
  ["no tools", [], "tool_choice", /has no tools/],
  ["an unknown tool", [search], "tool_choice", /`now` is wanted, but the request has only search/],
  ["two tools of one name", [clock, clock], "tools[1].function.name", /two tools have the name `now`/],
  [
    "arguments that are no object",
    [search, { ...clock, parameters: { type: "string" } }],
    "tools[1].function.parameters",
    /matches nothing/,
  ],
  [
    "arguments that cannot be enforced",
    [{ ...clock, strict: "always", parameters: { not: {} } }],
    "tools[0].function.parameters",
    /`not` at #/,
  ],
];

for (const [name, list, field, message] of wrong) {
  test(`a choice is refused for ${name}`, () => {
    assert.throws(
      () => compileToolChoice(list, { name: "now" }, "hermes"),
      (error) => error instanceof PomonaError && error.field === field && message.test(error.message),
    );
  });
}

test("the schemas of an answer share the time that they may take", () => {
  const slow = { type: "object", properties: { a: { type: "string", pattern: "^(a|b)*a(a|b){9}$" } } };
  const slowTools = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `f${i}`, parameters: slow }));
  assert.ok(compileToolChoice(slowTools(1), "required", "hermes").length > 0);
  assert.throws(() => compileToolChoice(slowTools(20), "required", "hermes"), /with others takes too long/);
});
