import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { jsonFormats } from "./formats/json-formats.ts";
import { detectOutputFormat, type OutputFormat } from "./output-parser.ts";
import { call, cut, deltasOf, type Parts, parse, partsOf, withCalls } from "./testing/parsed-parts.ts";

type Calls = OutputFormat["calls"];

const kimi = (name: string, index: number, json: string): string =>
  `<|tool_call_begin|>functions.${name}:${index}<|tool_call_argument_begin|>${json}<|tool_call_end|>`;

const examples: readonly { what: string; calls: Calls; answer: string; expected: Partial<Parts> }[] = [
  {
    what: "Mistral Small 3.2: ids behind the names",
    calls: "mistral",
    answer: '[TOOL_CALLS]add[CALL_ID]123456789[ARGS]{"a": 1}[TOOL_CALLS]time[CALL_ID]abcdefghi[ARGS]{}',
    expected: { text: "", calls: [call("add", '{"a": 1}'), call("time", "{}")] },
  },
  {
    what: "Harmony: the recipient in the header that the prompt has opened",
    calls: "harmony",
    answer: ' to=functions.add<|channel|>commentary json<|message|>{"a": 1}',
    expected: { text: "", calls: [call("add", '{"a": 1}')] },
  },
  {
    what: "Harmony: markers in a text among the arguments, and a preamble",
    calls: "harmony",
    answer:
      '<|channel|>commentary<|message|>I look.<|end|><|start|>assistant<|channel|>commentary to=functions.add <|constrain|>json<|message|>{"a": "<|end|> <|start|>"}<|call|>',
    expected: { text: "I look.", calls: [call("add", '{"a": "<|end|> <|start|>"}')] },
  },
  {
    what: "Harmony: thoughts that are addressed to the assistant itself",
    calls: "harmony",
    answer:
      "<|channel|>commentary to=assistant<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>to be",
    expected: { reasoning: "Hm.", text: "to be", calls: [] },
  },
  {
    what: "Hermes: a list in one block",
    calls: "hermes",
    answer: '<tool_call>\n[{"name": "add", "arguments": {"a": 1}}, {"name": "time", "arguments": {}}]\n</tool_call>',
    expected: { text: "", calls: [call("add", '{"a": 1}'), call("time", "{}")] },
  },
  {
    what: "Hermes: the closing marker is cut off",
    calls: "hermes",
    answer: '<tool_call>{"name": "time", "arguments": {}}\n</tool_ca',
    expected: { text: "", calls: [call("time", "{}")] },
  },
  {
    what: "Kimi K2: a section of two calls after a text",
    calls: "kimi",
    answer: `Yes.<|tool_calls_section_begin|>${kimi("add", 0, '{"a": "}"}')}\n${kimi("time", 1, "{}")}<|tool_calls_section_end|>`,
    expected: { text: "Yes.", calls: [call("add", '{"a": "}"}'), call("time", "{}")] },
  },
  {
    what: "Gemma 4: texts without escapes, nested objects, two calls",
    calls: "gemma",
    answer:
      'So:<|tool_call>call:add{a:<|"|>x "y"\\, {z}<|"|>,b:{c:[1,true,<|"|>ü<|"|>],d:{}},e:-1.5e3}<tool_call|><|tool_call>call:time{}<tool_call|>',
    expected: {
      text: "So:",
      calls: [
        call("add", '{"a": "x \\"y\\"\\\\, {z}", "b": {"c": [1, true, "ü"], "d": {}}, "e": -1.5e3}'),
        call("time", "{}"),
      ],
    },
  },
  {
    what: "LFM2: calls as in Python",
    calls: "json",
    answer: `I look.<|tool_call_start|>[add(a="b\\n\\"c\\"", d='it\\'s', e={"f": True, 'g': None}, h=(1, 2,)), time()]<|tool_call_end|>`,
    expected: {
      text: "I look.",
      calls: [
        call("add", '{"a": "b\\n\\"c\\"", "d": "it\'s", "e": {"f": true, "g": null}, "h": [1, 2]}'),
        call("time", "{}"),
      ],
    },
  },
  {
    what: "Llama 3 and 4: calls as in Python, without a marker",
    calls: "llama3",
    answer: '[get_weather(city="Ulm", days=3), time()]',
    expected: { text: "", calls: [call("get_weather", '{"city": "Ulm", "days": 3}'), call("time", "{}")] },
  },
  {
    what: "Llama 3.1: a built-in tool",
    calls: "llama3",
    answer: '<|python_tag|>get_weather.call(city="Ulm")',
    expected: { text: "", calls: [call("get_weather", '{"city": "Ulm"}')] },
  },
  {
    what: "Llama 4: an object in its markers",
    calls: "llama3",
    answer: '<|python_start|>{"name": "add", "parameters": {"a": 1}}<|python_end|>',
    expected: { text: "", calls: [call("add", '{"a": 1}')] },
  },
  {
    what: "Granite 3",
    calls: "json",
    answer: '<|tool_call|>[{"name": "add", "arguments": {"a": 1}}, {"name": "time", "arguments": {}}]',
    expected: { text: "", calls: [call("add", '{"a": 1}'), call("time", "{}")] },
  },
  {
    what: "Phi-4-mini",
    calls: "json",
    answer: 'functools[{"name": "add", "arguments": {"a": 1}}]',
    expected: { text: "", calls: [call("add", '{"a": 1}')] },
  },
  {
    what: "Nemotron Nano 2",
    calls: "json",
    answer: '<TOOLCALL>[{"name": "add", "arguments": {"a": 1}}]</TOOLCALL>\n',
    expected: { text: "", calls: [call("add", '{"a": 1}')] },
  },
  {
    what: "Command R7B",
    calls: "json",
    answer: '<|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "add", "parameters": {"a": 1}}\n]<|END_ACTION|>',
    expected: { text: "", calls: [call("add", '{"a": 1}')] },
  },
  {
    what: "a fence",
    calls: "json",
    answer: 'Action:\n```json\n[{"name": "add", "arguments": {"a": 1}}]\n```\nDone.',
    expected: { text: "Action:\nDone.", calls: [call("add", '{"a": 1}')] },
  },
];

describe("calls in markers, with bare names or as in Python are found", () => {
  for (const { what, calls, answer, expected } of examples) {
    test(what, () => {
      const parts = parse(answer, withCalls(calls));
      for (const [key, value] of Object.entries(expected)) assert.deepEqual(parts[key as keyof Parts], value);
      for (const { arguments: json } of parts.calls) JSON.parse(json);
    });
  }
});

describe("what is no such call is text, and nothing is lost", () => {
  for (const [calls, answer] of [
    ["json", "import functools\nfunctools.partial(add, 1)"],
    ["json", '```json\n{"name": "time"}\n```'],
    ["json", "[see add below (or time)]"],
    ["llama3", '<|python_tag|>print("hi")'],
    ["mistral", "[TOOL_CALLS]add[CALL_ID]123"],
    ["kimi", kimi("nobody", 0, "{}")],
    ["harmony", "to be or not to=be"],
    ["harmony", " to=functions.add"],
    ["gemma", "<|tool_call>call:nobody{}<tool_call|> and <|tool"],
  ] as const) {
    test(`${calls}: ${answer}`, () => {
      assert.deepEqual(parse(answer, withCalls(calls)), { text: answer, reasoning: "", calls: [] });
    });
  }

  test("a text with a comma after a call stays", () => {
    const { text, calls } = parse('[TOOL_CALLS][{"name": "time", "arguments": {}}], and more', withCalls("mistral"));
    assert.deepEqual([text, calls], ["], and more", [call("time", "{}")]]);
  });
});

test("a call ends thoughts that have no end of their own", () => {
  const section = `<|tool_calls_section_begin|>${kimi("time", 0, "{}")}<|tool_calls_section_end|>`;
  const expected = { text: "", reasoning: "Hm.", calls: [call("time", "{}")] };
  assert.deepEqual(parse(`<think>Hm. ${section}`, withCalls("kimi", true)), expected);
  const block = '<tool_call>\n{"name": "time", "arguments": {}}\n</tool_call>';
  assert.deepEqual(parse(`<think>Hm. ${block}`, withCalls("hermes", true)), expected);
});

test("a call as in Python that the end cuts off is told as incomplete", () => {
  const { calls, text } = parse('[add(a="b', withCalls("json"));
  assert.deepEqual([calls, text], [[{ name: "add", arguments: '{"a": "b', isComplete: false }], ""]);
});

test("any cut of an answer gives the same parts", () => {
  const parts = fc.constantFrom(
    "[",
    "add(",
    "time(",
    'a="',
    "b='",
    "\\",
    '"',
    "'",
    ", ",
    ")",
    "]",
    "call:add{",
    '<|"|>',
  );
  const markers = Object.values(jsonFormats).flatMap(({ openers, closers }) => [...openers, ...closers]);
  const answers = fc.oneof(
    fc.array(fc.oneof(parts, fc.constantFrom(...markers), fc.string({ maxLength: 4 })), { maxLength: 14 }),
    fc.constantFrom(...examples.map(({ answer }) => [answer])),
  );
  const formats = fc.constantFrom(...(Object.keys(jsonFormats) as Calls[]));
  fc.assert(
    fc.property(answers, fc.array(fc.nat(300), { maxLength: 12 }), formats, (pieces, places, calls) => {
      const answer = pieces.join("");
      assert.deepEqual(partsOf(deltasOf(cut(answer, places), withCalls(calls))), parse(answer, withCalls(calls)));
    }),
    { numRuns: 2000 },
  );
});

function inPython(value: unknown): string {
  if (typeof value === "boolean") return value ? "True" : "False";
  if (value === null) return "None";
  if (Array.isArray(value)) return `[${value.map(inPython).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  return `{${Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${inPython(one)}`)}}`;
}

function inGemma(value: unknown): string {
  if (typeof value === "string") return `<|"|>${value}<|"|>`;
  if (Array.isArray(value)) return `[${value.map(inGemma)}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value).map(([key, one]) => `${key}:${inGemma(one)}`)}}`;
}

test("every call written as in Python or by Gemma is read as it was meant", () => {
  const name = fc.stringMatching(/^[a-z_]\w{0,8}$/);
  const text = fc.string({ unit: fc.constantFrom("a", '"', "'", "\\", "\n", "}", ")", ",", "=", "ü", "😀") });
  const leaf = fc.oneof(text, fc.boolean(), fc.constant(null), fc.integer(), fc.constant(1.5));
  const value = fc.oneof(leaf, fc.array(leaf, { maxLength: 3 }), fc.dictionary(name, leaf, { maxKeys: 3 }));
  fc.assert(
    fc.property(fc.dictionary(name, value, { maxKeys: 4 }), (values) => {
      const named = Object.entries(values).map(([key, one]) => `${key}=${inPython(one)}`);
      const answers = [
        parse(`<|tool_call_start|>[add(${named.join(", ")})]<|tool_call_end|>`, withCalls("json")),
        parse(`<|tool_call>call:add${inGemma(values)}<tool_call|>`, withCalls("gemma")),
      ];
      for (const { text: rest, calls } of answers) {
        assert.deepEqual([rest, calls.length, calls[0]?.isComplete], ["", 1, true]);
        assert.deepEqual(JSON.parse(calls[0]?.arguments ?? ""), JSON.parse(JSON.stringify(values)));
      }
    }),
  );
});

test("formats with names before the arguments are told by the markers of a template", () => {
  for (const [template, calls] of [
    ["<|tool_calls_section_begin|><|tool_call_begin|>", "kimi"],
    ["<|tool_call>call:", "gemma"],
    ["<|header_start|>ipython<|header_end|>", "llama3"],
    ["<|tool_call_start|>[", "json"],
    ["<|START_ACTION|>", "json"],
    ["within <tool_call></tool_calls> tags", "json"],
  ] as const)
    assert.equal(detectOutputFormat(template).calls, calls);
});
