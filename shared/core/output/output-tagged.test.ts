import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { taggedFormats } from "./formats/tagged-calls-reader.ts";
import { detectOutputFormat } from "./output-parser.ts";
import {
  call,
  cut,
  deltasOf,
  type ParserOptions,
  type Parts,
  parse,
  partsOf,
  withCalls,
} from "./testing/parsed-parts.ts";
import { textParametersOf } from "./text-parameters.ts";

type TaggedFormat = keyof typeof taggedFormats;

const textParameters = { add: ["text"], get_weather: ["city"] };
const withTags = (calls: TaggedFormat, thinks = false): ParserOptions => ({
  ...withCalls(calls, thinks),
  textParameters,
});

const examples: readonly { what: string; answer: string; options: ParserOptions; expected: Partial<Parts> }[] = [
  {
    what: "Qwen3-Coder: two calls after a text",
    answer:
      "Let me see.\n<tool_call>\n<function=get_weather>\n<parameter=city>\nUlm\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>\n<tool_call>\n<function=time>\n</function>\n</tool_call>",
    options: withTags("qwenCoder"),
    expected: { text: "Let me see.\n", calls: [call("get_weather", '{"city": "Ulm", "days": 3}'), call("time", "{}")] },
  },
  {
    what: "Qwen3-Coder: the outer tags forgotten, a text of several lines with quotes and other tags",
    answer:
      '<function=add>\n<parameter=text>\n\n{"a": "<b>\\n</function>"}\n\n</parameter>\n<parameter=list>\n[1, {"b": "ü"}]\n</parameter>\n</function>',
    options: withTags("qwenCoder"),
    expected: {
      text: "",
      calls: [call("add", '{"text": "\\n{\\"a\\": \\"<b>\\\\n</function>\\"}\\n", "list": [1, {"b": "ü"}]}')],
    },
  },
  {
    what: "Qwen 3.5: thoughts that the prompt has opened, then a call",
    answer:
      "I need it.\n</think>\n\n<tool_call>\n<function=add>\n<parameter=a>\nTrue\n</parameter>\n<parameter=b>\nnot json\n</parameter>\n</function>\n</tool_call>",
    options: { ...withTags("qwenCoder", true), startsInReasoning: true },
    expected: { reasoning: "I need it.", text: "", calls: [call("add", '{"a": true, "b": "not json"}')] },
  },
  {
    what: "Qwen 3.5: a call in the middle of thoughts, after words about one",
    answer:
      "<think>I could <tool_call> it, or <function=nobody>.\n<tool_call>\n<function=time>\n</function>\n</tool_call>",
    options: withTags("qwenCoder", true),
    expected: {
      reasoning: "I could <tool_call> it, or <function=nobody>.",
      text: "",
      calls: [call("time", "{}")],
    },
  },
  {
    what: "Seed-OSS",
    answer:
      "<seed:tool_call>\n<function=add>\n<parameter=a>1</parameter>\n<parameter=text>2\n</parameter>\n</function>\n</seed:tool_call>",
    options: withTags("seed"),
    expected: { text: "", calls: [call("add", '{"a": 1, "text": "2\\n"}')] },
  },
  {
    what: "GLM: two calls, the second without arguments",
    answer:
      "Yes.<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value> 7\n</arg_value>\n<arg_key>o</arg_key>\n<arg_value>{}</arg_value>\n</tool_call>\n<tool_call>time\n</tool_call>",
    options: withTags("glm"),
    expected: { text: "Yes.", calls: [call("get_weather", '{"city": " 7\\n", "o": {}}'), call("time", "{}")] },
  },
  {
    what: "GLM 4.7: all on one line",
    answer: "<tool_call>time<arg_key>zone</arg_key><arg_value>UTC</arg_value></tool_call>",
    options: withTags("glm"),
    expected: { text: "", calls: [call("time", '{"zone": "UTC"}')] },
  },
  {
    what: "MiniMax M2: two calls in one block",
    answer:
      '<minimax:tool_call>\n<invoke name="add">\n<parameter name="a">1</parameter>\n<parameter name="text"></parameter>\n</invoke>\n<invoke name="time">\n</invoke>\n</minimax:tool_call>',
    options: withTags("minimax"),
    expected: { text: "", calls: [call("add", '{"a": 1, "text": ""}'), call("time", "{}")] },
  },
];

describe("calls in tags are found", () => {
  for (const { what, answer, options, expected } of examples) {
    test(what, () => {
      const parts = parse(answer, options);
      for (const [key, value] of Object.entries(expected)) assert.deepEqual(parts[key as keyof Parts], value);
      for (const { arguments: json } of parts.calls) JSON.parse(json);
    });
  }
});

describe("what is no call in tags is text, and nothing is lost", () => {
  for (const [calls, answer] of [
    ["qwenCoder", "<tool_call>\n<function=nobody>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>"],
    ["qwenCoder", "Write <tool_call> and then <function=NAME>, <func and a < b"],
    ["qwenCoder", '<tool_call>\n{"name": "time", "arguments": {}}\n</tool_call>'],
    ["glm", "<tool_call>nobody\n<arg_key>a</arg_key></tool_call> <arg_key>"],
    ["glm", "<tool_call>the time"],
    ["minimax", '<minimax:tool_call>\n<invoke name="nobody">'],
    ["seed", "<seed:tool_call> <seed:tool_call>"],
  ] as const) {
    test(`${calls}: ${answer}`, () => {
      assert.deepEqual(parse(answer, withTags(calls)), { text: answer, reasoning: "", calls: [] });
    });
  }
});

test("a call that the end cuts off is told as incomplete, wherever it stands", () => {
  const whole = "<tool_call>\n<function=add>\n<parameter=text>\nab\n</parameter>\n</function>";
  for (const [cutOff, json] of [
    [" <tool_call>\n<function=add>", "{"],
    [whole.slice(0, whole.indexOf("xt>")), '{"te'],
    [whole.slice(0, whole.indexOf("b\n")), '{"text": "a'],
    [whole.replace("text>\nab\n</parameter>\n</function>", "a>\n[1, "), '{"a": [1, '],
    [whole.slice(0, whole.indexOf("</function>")), '{"text": "ab"'],
    [whole.slice(0, -2), '{"text": "ab"'],
  ] as const) {
    const { calls, text } = parse(cutOff, withTags("qwenCoder"));
    assert.deepEqual([calls, text.trim()], [[{ name: "add", arguments: json, isComplete: false }], ""]);
  }
});

test("a text among the arguments comes while it is written", () => {
  const deltas = deltasOf(["<function=add>\n<parameter=text>\nOnce up"], withTags("qwenCoder"));
  assert.deepEqual(deltas.slice(0, 2), [
    { kind: "toolCallBegin", index: 0, name: "add" },
    { kind: "toolCallArguments", index: 0, text: '{"text": "Once up' },
  ]);
});

const tags = Object.values(taggedFormats).flatMap(({ block, name, callEnd, key, value }) => [
  ...[...block, callEnd, ...key, ...value].filter((tag) => tag !== null),
  ...(name ?? []),
]);
const snippet = fc.oneof(
  fc.constantFrom(...tags, "time", "add", "text", "\n", "1", "<function=add>", "<parameter=text>", "<tool_call>add"),
  fc.string({ maxLength: 5 }),
);

test("any cut of an answer with tags gives the same parts", () => {
  const answers = fc.oneof(
    fc.array(snippet, { maxLength: 16 }).map((parts) => parts.join("")),
    fc.constantFrom(...examples.map(({ answer }) => answer)),
  );
  const formats = fc.constantFrom(...(Object.keys(taggedFormats) as TaggedFormat[]));
  fc.assert(
    fc.property(answers, fc.array(fc.nat(300), { maxLength: 12 }), formats, (answer, places, calls) => {
      const options = withTags(calls);
      assert.deepEqual(partsOf(deltasOf(cut(answer, places), options)), partsOf(deltasOf([answer], options)));
    }),
    { numRuns: 2000 },
  );
});

test("every call written by the rules of its format is read as it was meant", () => {
  const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.string());
  const values = fc.record({
    text: fc.string({ unit: fc.constantFrom("a", "\n", '"', "<", "/", "ü", " ", "1") }),
    value,
  });
  const plain = (json: unknown): string => (typeof json === "string" ? json : JSON.stringify(json));
  const writers: Readonly<Record<TaggedFormat, (text: string, value: string) => string>> = {
    qwenCoder: (text, other) =>
      `<tool_call>\n<function=add>\n<parameter=text>\n${text}\n</parameter>\n<parameter=a>\n${other}\n</parameter>\n</function>\n</tool_call>`,
    seed: (text, other) =>
      `<seed:tool_call>\n<function=add>\n<parameter=text>${text}</parameter>\n<parameter=a>${other}</parameter>\n</function>\n</seed:tool_call>`,
    glm: (text, other) =>
      `<tool_call>add\n<arg_key>text</arg_key>\n<arg_value>${text}</arg_value>\n<arg_key>a</arg_key>\n<arg_value>${other}</arg_value>\n</tool_call>`,
    minimax: (text, other) =>
      `<minimax:tool_call>\n<invoke name="add">\n<parameter name="text">${text}</parameter>\n<parameter name="a">${other}</parameter>\n</invoke>\n</minimax:tool_call>`,
  };
  for (const [format, write] of Object.entries(writers)) {
    fc.assert(
      fc.property(values, ({ text, value: other }) => {
        const written = typeof other === "string" ? `"${other.length}` : plain(other);
        const { calls, text: rest } = parse(write(text, written), withTags(format as TaggedFormat));
        assert.deepEqual([calls.map(({ name }) => name), rest], [["add"], ""]);
        const meant = typeof other === "string" ? written : JSON.parse(written);
        assert.deepEqual(JSON.parse(calls[0]?.arguments ?? ""), JSON.parse(JSON.stringify({ text, a: meant })));
      }),
    );
  }
});

test("formats with tags are told by the markers of a template", () => {
  for (const [template, calls] of [
    ["<tool_call>\n<function=example_function_name>\n<parameter=example_parameter_1>", "qwenCoder"],
    ["<tool_call>{function-name}\n<arg_key>{arg-key-1}</arg_key>", "glm"],
    ["<minimax:tool_call><invoke name=", "minimax"],
    ["<seed:tool_call>\n<function=example_function_name>", "seed"],
  ] as const)
    assert.equal(detectOutputFormat(template).calls, calls);
});

test("the parameters that are texts are told by the schema", () => {
  const parameters = {
    type: "object",
    properties: {
      plain: { type: "string" },
      nullable: { type: ["string", "null"] },
      one: { enum: ["a", "b"] },
      choice: { anyOf: [{ type: "string" }, { type: "null" }] },
      referred: { $ref: "#/$defs/text" },
      number: { type: "number" },
      either: { type: ["string", "number"] },
      mixed: { enum: ["a", 1] },
      open: {},
      round: { $ref: "#/properties/round" },
      nowhere: { $ref: "#/$defs/none" },
      nothing: { anyOf: [{ type: "null" }] },
    },
    $defs: { text: { type: "string", maxLength: 3 } },
  };
  assert.deepEqual(textParametersOf(parameters), ["plain", "nullable", "one", "choice", "referred"]);
  assert.deepEqual([textParametersOf(undefined), textParametersOf({ properties: [] })], [[], []]);
});
