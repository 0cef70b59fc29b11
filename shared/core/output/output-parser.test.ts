import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  callFormats,
  detectOutputFormat,
  type OutputFormat,
  OutputParser,
  outputMarkers,
  thoughtFormats,
} from "./output-parser.ts";
import {
  call,
  cut,
  deltasOf,
  type ParserOptions,
  type Parts,
  parse,
  partsOf,
  toolNames,
  withCalls,
} from "./testing/parsed-parts.ts";

const deepseek = (body: string): string => `<｜tool▁calls▁begin｜>${body}<｜tool▁calls▁end｜>`;
const examples: readonly { what: string; answer: string; options: ParserOptions; expected: Partial<Parts> }[] = [
  {
    what: "Hermes and Qwen: two calls after a text",
    answer:
      'Let me see.\n<tool_call>\n{"name": "time", "arguments": {"zone": "UTC"}}\n</tool_call>\n<tool_call>\n{"name": "add", "arguments": {"a": [1, {"b": "}"}], "c": "\\"}"}}\n</tool_call>',
    options: withCalls("hermes"),
    expected: {
      text: "Let me see.\n",
      calls: [call("time", '{"zone": "UTC"}'), call("add", '{"a": [1, {"b": "}"}], "c": "\\"}"}')],
    },
  },
  {
    what: "Qwen 3: thoughts, then a call",
    answer: '<think>\nThe time.\n</think>\n\n<tool_call>\n{"name": "time", "arguments": {}}\n</tool_call>',
    options: withCalls("hermes", true),
    expected: { reasoning: "The time.", text: "", calls: [call("time", "{}")] },
  },
  {
    what: "Llama 3: a bare object",
    answer: '{"name": "get_weather", "parameters": {"city": "Ulm"}}',
    options: withCalls("llama3"),
    expected: { calls: [call("get_weather", '{"city": "Ulm"}')] },
  },
  {
    what: "Llama 3: two calls after the tag, the name last",
    answer:
      '<|python_tag|>{"parameters": {"a": 1}, "name": "add"}; {"type": "function", "name": "time", "parameters": {}}',
    options: withCalls("llama3"),
    expected: { text: "", calls: [call("add", '{"a": 1}'), call("time", "{}")] },
  },
  {
    what: "Mistral: a list",
    answer:
      '[TOOL_CALLS][{"name": "add", "arguments": {"a": 1}}, {"name": "time", "arguments": {}, "id": "abc123456"}]',
    options: withCalls("mistral"),
    expected: { text: "", calls: [call("add", '{"a": 1}'), call("time", "{}")] },
  },
  {
    what: "Mistral since v11: names before the arguments",
    answer: 'Fine.[TOOL_CALLS]add[ARGS]{"a": 1}[TOOL_CALLS]time[ARGS]{}',
    options: withCalls("mistral"),
    expected: { text: "Fine.", calls: [call("add", '{"a": 1}'), call("time", "{}")] },
  },
  {
    what: "DeepSeek R1: fenced arguments",
    answer: `Hm.</think>\n\nI ask.${deepseek('<｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{"city": "Ulm"}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>time\n```json\n{}\n```<｜tool▁call▁end｜>')}`,
    options: { ...withCalls("deepseek", true), startsInReasoning: true },
    expected: { reasoning: "Hm.", text: "I ask.", calls: [call("get_weather", '{"city": "Ulm"}'), call("time", "{}")] },
  },
  {
    what: "DeepSeek V3.1: name, separator, arguments",
    answer: deepseek('<｜tool▁call▁begin｜>add<｜tool▁sep｜>{"a": {"b": 2}}<｜tool▁call▁end｜>'),
    options: withCalls("deepseek"),
    expected: { text: "", calls: [call("add", '{"a": {"b": 2}}')] },
  },
  {
    what: "Harmony: thought, call",
    answer:
      '<|channel|>analysis<|message|>Need the time.<|end|><|start|>assistant<|channel|>commentary to=functions.time <|constrain|>json<|message|>{"zone":"UTC"}<|call|>',
    options: withCalls("harmony"),
    expected: { reasoning: "Need the time.", text: "", calls: [call("time", '{"zone":"UTC"}')] },
  },
  {
    what: "Harmony: thought, answer",
    answer: "<|channel|>analysis<|message|>Easy.<|end|><|start|>assistant<|channel|>final<|message|>It is 4.<|return|>",
    options: withCalls("harmony"),
    expected: { reasoning: "Easy.", text: "It is 4.", calls: [] },
  },
  {
    what: "the generic form, arguments as a text, wrapped as the OpenAI API does",
    answer: '{"type": "function", "function": {"name": "add", "arguments": "{\\"a\\": 1}"}}',
    options: withCalls("json"),
    expected: { calls: [call("add", '{"a": 1}')] },
  },
];

describe("calls and thoughts are found", () => {
  for (const { what, answer, options, expected } of examples) {
    test(what, () => {
      const parts = parse(answer, options);
      for (const [key, value] of Object.entries(expected)) assert.deepEqual(parts[key as keyof Parts], value);
    });
  }
});

describe("what is no call is text, and nothing is lost", () => {
  for (const { answer, calls } of [
    { answer: '<tool_call>\n{"name": "unknown", "arguments": {}}\n</tool_call>', calls: "hermes" },
    { answer: "<tool_call> is a marker, <tool_cal is none", calls: "hermes" },
    { answer: '{"city": "Ulm", "name": 7}', calls: "json" },
    { answer: "{ not json", calls: "llama3" },
    { answer: '  [1, 2, {"a": 3}]', calls: "json" },
    { answer: "[TOOL_CALLS]nobody[ARGS]{}", calls: "mistral" },
    { answer: "a < b and <｜tool▁call▁begin｜>function<｜tool▁sep｜>nobody\n```json\n{}", calls: "deepseek" },
    { answer: '{"name": "time"', calls: "json" },
  ] as const) {
    test(`${calls}: ${answer}`, () => {
      assert.deepEqual(parse(answer, withCalls(calls)), { text: answer, reasoning: "", calls: [] });
    });
  }

  test("a call that the end cuts off is told as incomplete", () => {
    const { calls, text } = parse('<tool_call>{"name": "add", "arguments": {"a": 1', withCalls("hermes"));
    assert.deepEqual([calls, text], [[{ name: "add", arguments: '{"a": 1', isComplete: false }], ""]);
  });

  test("the end of the generation ends a Harmony call", () => {
    const { calls } = parse('<|channel|>commentary to=functions.time<|message|>{"zone":"UTC"}', withCalls("harmony"));
    assert.deepEqual(calls, [call("time", '{"zone":"UTC"}')]);
  });

  test("without tools everything is text", () => {
    const answer = '<tool_call>{"name": "time", "arguments": {}}</tool_call>';
    assert.equal(parse(answer, { ...withCalls("hermes"), toolNames: [] }).text, answer);
  });

  test("thoughts are only those at the beginning", () => {
    assert.deepEqual(parse("I write <think>so</think>", withCalls("none", true)).text, "I write <think>so</think>");
    assert.deepEqual(parse("\n<think>so</think> Yes", withCalls("none", true)), {
      text: "Yes",
      reasoning: "so",
      calls: [],
    });
    assert.equal(parse("<think>never ends", withCalls("none", true)).reasoning, "never ends");
  });

  test("space around thoughts is no part of them, and space within them is", () => {
    const { reasoning, text } = parse("<think>\n\na\n\n b \n</think>\n\nSo\n", withCalls("none", true));
    assert.deepEqual([reasoning, text], ["a\n\n b", "So\n"]);
    assert.deepEqual(parse("<think>\n\n</think>\n\nSo", withCalls("none", true)), {
      text: "So",
      reasoning: "",
      calls: [],
    });
    assert.equal(parse("<think>\nnever ends\n", withCalls("none", true)).reasoning, "never ends");
    assert.equal(parse("<think> a\n</thin", withCalls("none", true)).reasoning, "a\n</thin");
  });
});

test("arguments come while they are written, and text at once", () => {
  const parser = new OutputParser({
    format: { calls: "hermes", thoughts: "none" },
    startsInReasoning: false,
    toolNames,
  });
  assert.deepEqual(parser.push("so <"), [{ kind: "text", text: "so " }]);
  assert.deepEqual(parser.push('tool_call>{"name":"add","arguments":{"a'), [
    { kind: "toolCallBegin", index: 0, name: "add" },
    { kind: "toolCallArguments", index: 0, text: '{"a' },
  ]);
  assert.deepEqual(parser.push('":1'), [{ kind: "toolCallArguments", index: 0, text: '":1' }]);
});

test("a thought comes while it is written, and space in it with the word that follows", () => {
  const parser = new OutputParser({
    format: { calls: "none", thoughts: "think" },
    startsInReasoning: false,
    toolNames,
  });
  const pieces = ["<think>\n", "a", "\n", "b", "\n</think>", "\n\n", "So"];
  assert.deepEqual(
    pieces.map((piece) => parser.push(piece)),
    [
      [],
      [{ kind: "reasoning", text: "a" }],
      [],
      [{ kind: "reasoning", text: "\nb" }],
      [],
      [],
      [{ kind: "text", text: "So" }],
    ],
  );
});

const snippet = fc.oneof(
  fc.constantFrom(
    ...outputMarkers,
    ...toolNames,
    '{"name": "',
    '", "arguments": ',
    '{"a": [1]}',
    "}",
    "{",
    "[",
    '"',
    "\\",
  ),
  fc.string({ maxLength: 6 }),
);
const answers = fc.oneof(
  fc.array(snippet, { maxLength: 14 }).map((parts) => parts.join("")),
  fc.constantFrom(...examples.map(({ answer }) => answer)),
);

test("any cut of an answer gives the same parts", () => {
  const places = fc.array(fc.nat(200), { maxLength: 12 });
  const format = fc.record({ calls: fc.constantFrom(...callFormats), thoughts: fc.constantFrom(...thoughtFormats) });
  const options = fc.record({ format, startsInReasoning: fc.boolean(), startsInText: fc.boolean() });
  fc.assert(
    fc.property(fc.tuple(answers, places), options, ([answer, cuts], parserOptions) => {
      const [pieces, whole] = [cut(answer, cuts), [answer]];
      assert.deepEqual(partsOf(deltasOf(pieces, parserOptions)), partsOf(deltasOf(whole, parserOptions)));
    }),
    { numRuns: 2000 },
  );
});

test("an answer without markers and brackets is its text, in every format", () => {
  const plain = fc.string({ maxLength: 60 }).filter((text) => !/[<[{｜]/.test(text));
  fc.assert(
    fc.property(
      plain,
      fc.constantFrom(...callFormats),
      fc.constantFrom(...thoughtFormats),
      (answer, calls, thoughts) => {
        assert.deepEqual(parse(answer, { format: { calls, thoughts } }), { text: answer, reasoning: "", calls: [] });
      },
    ),
  );
});

test("every call written by the rules of its format is read as it was written", () => {
  const written = fc.record({ name: fc.constantFrom(...toolNames), value: fc.dictionary(fc.string(), fc.jsonValue()) });
  const writers: Readonly<
    Record<"hermes" | "llama3" | "mistral" | "deepseek" | "json", (name: string, json: string) => string>
  > = {
    hermes: (name, json) => `<tool_call>\n{"name": "${name}", "arguments": ${json}}\n</tool_call>\n`,
    llama3: (name, json) => `<|python_tag|>{"name": "${name}", "parameters": ${json}}`,
    mistral: (name, json) => `[TOOL_CALLS]${name}[ARGS]${json}`,
    deepseek: (name, json) =>
      deepseek(`<｜tool▁call▁begin｜>function<｜tool▁sep｜>${name}\n\`\`\`json\n${json}\n\`\`\`<｜tool▁call▁end｜>`),
    json: (name, json) => `{"name": "${name}", "arguments": ${json}}`,
  };
  for (const [format, write] of Object.entries(writers)) {
    fc.assert(
      fc.property(written, ({ name, value }) => {
        const json = JSON.stringify(value);
        const { calls, text } = parse(write(name, json), withCalls(format as OutputFormat["calls"]));
        assert.deepEqual([calls, text], [[call(name, json)], ""]);
      }),
    );
  }
});

test("formats are told by the markers of a template", () => {
  for (const [template, expected] of [
    [null, { calls: "json", thoughts: "none" }],
    ["{{ messages }}", { calls: "json", thoughts: "none" }],
    ["<|im_start|> <tool_call> <think>", { calls: "hermes", thoughts: "think" }],
    ["[AVAILABLE_TOOLS] [TOOL_CALLS]", { calls: "mistral", thoughts: "none" }],
    ["<|start_header_id|>ipython", { calls: "llama3", thoughts: "none" }],
    ["<｜tool▁calls▁begin｜> </think>", { calls: "deepseek", thoughts: "think" }],
    ["<|channel|>analysis", { calls: "harmony", thoughts: "none" }],
  ] as const)
    assert.deepEqual(detectOutputFormat(template), expected);
});
