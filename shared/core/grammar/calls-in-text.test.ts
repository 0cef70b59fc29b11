import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { AnswerForm } from "../output/answer-form.ts";
import { OutputParser, outputMarkers } from "../output/output-parser.ts";
import { compileAnswer } from "./compile-answer.ts";
import { checkGbnf } from "./gbnf/check-gbnf.ts";
import { GbnfMatcher } from "./testing/gbnf-matcher.ts";
import { conforms } from "./testing/json-conformance.ts";

type Format = (typeof formats)[number];

const formats = [
  ...(["hermes", "mistral", "deepseek", "harmony", "kimi"] as const),
  ...(["qwenCoder", "seed", "glm", "minimax", "llama3", "json"] as const),
];
const count = { type: "object", properties: { n: { type: "integer" } }, required: ["n"] };
const tools = [
  { name: "add", parameters: count, strict: "always" },
  { name: "addto", parameters: count },
] as const;

function formOf(calls: Format, thinks = false, startsInReasoning = false): AnswerForm {
  return {
    format: { calls, thoughts: thinks ? "think" : "none" },
    startsInReasoning,
    thinking: thinks ? "always" : "never",
  };
}

function matcherOf(form: AnswerForm): GbnfMatcher {
  const grammar = compileAnswer({ schema: null, tools, choice: "auto" }, form);
  assert.ok(grammar !== null);
  return new GbnfMatcher(grammar);
}

test("behind a text that has begun stand text and calls, and neither thoughts nor a header", () => {
  const strange: Partial<Record<Format, string>> = { harmony: " to=functions.add{}" };
  for (const [format, spell] of Object.entries(spellings)) {
    const form = { ...formOf(format as Format, format === "hermes"), startsInText: true };
    const matcher = matcherOf(form);
    for (const call of spell("add", '{"n": 3}')) assert.ok(matcher.matches(`" 1}. ${call}`), call);
    // A bare object in a text is a part of it.
    for (const call of spell("add", '{"n": "3"}').filter((text) => !/^\s*[[{]/.test(text)))
      assert.ok(!matcher.matches(`" 1}. ${call}`), call);
    assert.ok(matcher.matches(`${strange[format as Format] ?? ""}<think>`));
  }
});

/** The calls that are read from an answer of the form. */
function callsIn(text: string, { format, startsInReasoning }: AnswerForm) {
  const parser = new OutputParser({ format, startsInReasoning, toolNames: tools.map(({ name }) => name) });
  const found: { name: string; json: string; isComplete: boolean }[] = [];
  for (const delta of [...parser.push(text), ...parser.finish()]) {
    const last = found.at(-1);
    if (delta.kind === "toolCallBegin") found.push({ name: delta.name, json: "", isComplete: false });
    else if (last !== undefined && delta.kind === "toolCallArguments") last.json += delta.text;
    else if (last !== undefined && delta.kind === "toolCallEnd") last.isComplete = delta.isComplete;
  }
  return found;
}

const begin = "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>";
const end = "<｜tool▁call▁end｜><｜tool▁calls▁end｜>";
/** Two calls by each way in which the models of a format write them. */
const spellings: Readonly<Record<Format, (name: string, json: string) => readonly string[]>> = {
  hermes: (name, json) => [
    `Let me see.\n<tool_call>\n{"name": "${name}", "arguments": ${json}}\n</tool_call>`,
    `<tool_call>{"name":"${name}","arguments":${json}}</tool_call>\n<tool_call>{"name":"add","arguments":{"n":1}}</tool_call>`,
  ],
  mistral: (name, json) => [
    `[TOOL_CALLS] [{"name": "${name}", "arguments": ${json}, "id": "abcdefghi"}]`,
    `Fine.[TOOL_CALLS]${name}[ARGS]${json}[TOOL_CALLS]add[ARGS]{"n": 1}`,
  ],
  deepseek: (name, json) => [
    `${begin}function<｜tool▁sep｜>${name}\n\`\`\`json\n${json}\n\`\`\`${end}`,
    `I ask.\n${begin}${name}<｜tool▁sep｜>${json}${end}`,
  ],
  harmony: (name, json) => [
    `<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.${name} <|constrain|>json<|message|>${json}`,
    `<|start|>assistant to=functions.${name}<|channel|>commentary json<|message|>${json}`,
  ],
  kimi: (name, json) => [
    `Fine.<|tool_calls_section_begin|><|tool_call_begin|>functions.${name}:0<|tool_call_argument_begin|>${json}<|tool_call_end|><|tool_calls_section_end|>`,
    `<|tool_call_begin|> functions.${name}:12 <|tool_call_argument_begin|> ${json}<|tool_call_end|><|tool_call_begin|>functions.add:13<|tool_call_argument_begin|>{"n": 1}<|tool_call_end|>`,
  ],
  llama3: (name, json) => [
    `{"name": "${name}", "parameters": ${json}}`,
    `Fine.<|python_tag|>{"type": "function", "name": "${name}", "parameters": ${json}}; {"name": "add", "parameters": {"n": 1}}`,
  ],
  json: (name, json) => [
    `\n{"name": "${name}", "arguments": ${json}}`,
    `[{"name": "${name}", "arguments": ${json}}, {"name": "add", "arguments": {"n": 1}}]`,
    `Here it is:\n\`\`\`json\n{"name": "${name}", "arguments": ${json}}\n\`\`\``,
    `<|tool_call|>[{"name": "${name}", "arguments": ${json}}]<|/tool_call|>`,
    `<|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "${name}", "parameters": ${json}}\n]<|END_ACTION|>`,
  ],
  qwenCoder: (name, json) =>
    inTags(json, (key, value) => `<parameter=${key}>\n${value}\n</parameter>\n`).flatMap((pairs) => [
      `Let me see.\n<tool_call>\n<function=${name}>\n${pairs}</function>\n</tool_call>`,
      `<function=${name}>${pairs}</function>\n<tool_call>\n<function=add>\n<parameter=n>\n1\n</parameter>\n</function>\n</tool_call>`,
    ]),
  seed: (name, json) =>
    inTags(json, (key, value) => `<parameter=${key}>${value}</parameter>\n`).map(
      (pairs) => `Hm.\n<seed:tool_call>\n<function=${name}>\n${pairs}</function>\n</seed:tool_call>`,
    ),
  glm: (name, json) =>
    inTags(json, (key, value) => `<arg_key>${key}</arg_key>\n<arg_value>${value}</arg_value>\n`).flatMap((pairs) => [
      `Let me see.\n<tool_call>${name}\n${pairs}</tool_call>`,
      `<tool_call>${name}${pairs}</tool_call>\n<tool_call>add<arg_key>n</arg_key><arg_value>1</arg_value></tool_call>`,
    ]),
  minimax: (name, json) =>
    inTags(json, (key, value) => `<parameter name="${key}">${value}</parameter>\n`).flatMap((pairs) => [
      `So:\n<minimax:tool_call>\n<invoke name="${name}">\n${pairs}</invoke>\n</minimax:tool_call>`,
      `<minimax:tool_call><invoke name="${name}">${pairs}</invoke><invoke name="add"><parameter name="n">1</parameter></invoke></minimax:tool_call>`,
    ]),
};

/** None for what is no object. */
function inTags(json: string, pair: (key: string, value: string) => string): readonly string[] {
  const value: unknown = JSON.parse(json);
  if (typeof value !== "object" || value === null) return [];
  return [
    Object.entries(value)
      .map(([key, item]) => pair(key, JSON.stringify(item)))
      .join(""),
  ];
}

describe("a call of a strict tool has arguments of its schema, one of another tool an object", () => {
  for (const [format, spell] of Object.entries(spellings)) {
    test(format, () => {
      const form = formOf(format as Format);
      const matcher = matcherOf(form);
      const table = [
        ["add", '{"n": 3}', true],
        ["add", '{"n": "3"}', false],
        ["add", "{}", false],
        ["addto", '{"other": [1]}', true],
        ["addto", '"{}"', false],
      ] as const;
      for (const [name, json, isAllowed] of table)
        for (const text of spell(name, json)) {
          assert.equal(matcher.matches(text), isAllowed, text);
          if (isAllowed) assert.deepEqual(callsIn(text, form)[0], { name, json, isComplete: true });
        }
    });
  }
});

test("text that holds no beginning of a call is free, and may end anywhere", () => {
  const texts = [
    "",
    "Hello.",
    " {",
    '{"name": "Ada", "n": "3"}',
    '[{"a": 1}]',
    "[1](x) <tool <| [TOOL",
    "\n\n",
    "é\u{1f600}",
  ];
  for (const format of formats)
    for (const thinks of [false, true]) {
      const matcher = matcherOf(formOf(format, thinks));
      for (const text of texts) assert.ok(matcher.matches(text), `${format}: ${text}`);
    }
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.constantFrom(...formats), (text, format) => {
      // What begins as an object has to be JSON where calls have no mark.
      assert.ok(matcherOf(formOf(format)).matches(`.${text.replaceAll("to=", "").replaceAll("\0", "")}`));
    }),
    { numRuns: 200 },
  );
});

test("thoughts are free and may hold what would be a call, and what follows them is held to the rules", () => {
  const bad = '<tool_call>{"name": "add", "arguments": {}}</tool_call>';
  const good = '<tool_call>{"name": "add", "arguments": {"n": 1}}</tool_call>';
  for (const [isOpen, opener] of [
    [false, "<think>"],
    [true, ""],
  ] as const) {
    const matcher = matcherOf(formOf("hermes", true, isOpen));
    assert.ok(matcher.matches(`${opener}\n${bad} <think> </thin`), "cut off while it thinks");
    assert.ok(matcher.matches(`${opener}${bad}</think>\n\nSo: ${good}`));
    assert.ok(!matcher.begins(`${opener}x</think>\n\nSo: ${bad}`));
  }
  assert.ok(!matcherOf(formOf("hermes", true)).begins(`x<think>${bad}`), "somebody just talks of thoughts");
});

test("behind a marker no tool is named that there is not", () => {
  assert.ok(!matcherOf(formOf("hermes")).begins('<tool_call>{"name": "n'));
  for (const header of ["<|channel|>commentary to=functions.", " to="])
    assert.ok(!matcherOf(formOf("harmony")).begins(`${header}n`), header);
});

test("a call that begins in the middle of thoughts, and ends them, is held to the rules", () => {
  const table = [
    ["hermes", (json: string) => `<tool_call>\n{"name": "add", "arguments": ${json}}\n</tool_call>`],
    ["qwenCoder", (json: string) => spellings.qwenCoder("add", json)[0] ?? ""],
    ["kimi", (json: string) => spellings.kimi("add", json)[0] ?? ""],
  ] as const;
  for (const [format, spell] of table) {
    const form = formOf(format, true);
    const call = (json: string): string => `<think>Hm.${spell(json)}`;
    assert.deepEqual(callsIn(call('{"n": 1}'), form)[0]?.json, '{"n": 1}');
    assert.ok(matcherOf(form).matches(call('{"n": 1}')), format);
    assert.ok(!matcherOf(form).begins(call("{}")), format);
  }
});

test("whatever a model says, what is read as a call follows the rules", () => {
  const words = fc.constantFrom(
    ...[
      ...outputMarkers,
      "to=functions.",
      "to=",
      "add",
      "addto",
      "functions.add",
      "assistant",
      "commentary",
      "function",
      "functions.add:1",
      "<function=",
      "<function=add>",
      '<invoke name="add">',
      "<parameter=n>",
      '<parameter name="n">',
      "<arg_key>n</arg_key>",
    ],
    ...[
      '{"name": "add"',
      '"name"',
      '"type"',
      '"function"',
      '"arguments"',
      '"parameters"',
      '{"n": 1}',
      '{"n": "x"}',
      '"id"',
    ],
    ...['{"arguments": {}, "name": "add"}', '{"type": "function", "name": "addto"', "\\u0061", "```json"],
    ...["{", "}", "[", "]", '"', ":", ",", ";", " ", "\n", "\u00a0", "1", "n", "<", "|", ">", "/"],
  );
  const forms = fc.record({ calls: fc.constantFrom(...formats), thinks: fc.boolean(), isOpen: fc.boolean() });
  let complete = 0;
  fc.assert(
    fc.property(fc.array(fc.oneof(words, fc.nat(99)), { maxLength: 30 }), forms, (said, { calls, thinks, isOpen }) => {
      const form = formOf(calls, thinks && calls !== "harmony", isOpen);
      const spell = spellings[calls];
      const spelled = ['{"n": 3}', "{}", '{"n": "1"}'].flatMap((json) => [
        ...spell("add", json),
        ...spell("addto", json),
      ]);
      const speaker = matcherOf(form).speaker();
      let text = "";
      for (const piece of said)
        for (const part of typeof piece === "number" ? (spelled[piece % spelled.length] ?? "") : [piece])
          if (speaker.say(part)) text += part;
      for (const { name, json, isComplete } of callsIn(text, form)) {
        if (!isComplete) continue;
        complete += 1;
        assert.ok(conforms(JSON.parse(json), name === "add" ? count : { type: "object" }), text);
      }
    }),
    { numRuns: 1000 },
  );
  assert.ok(complete > 500, `${complete} calls`);
});

test("a schema that cannot be enforced is refused by its field, or left free where it is strict only where possible", () => {
  const not = { type: "object", not: {} };
  const compile = (strict: "always" | "where-possible", more: readonly object[] = []) =>
    compileAnswer(
      {
        schema: null,
        tools: [
          { name: "f", parameters: not, strict, field: "tools[0].input_schema" },
          ...more.map((tool) => ({ name: "g", parameters: count, ...tool })),
        ],
        choice: "auto",
      },
      formOf("hermes"),
    );
  assert.throws(() => compile("always"), { code: "invalid_request", field: "tools[0].input_schema" });
  const call = (name: string, json: string): string =>
    `<tool_call>{"name": "${name}", "arguments": ${json}}</tool_call>`;
  const free = new GbnfMatcher(compile("where-possible", [{ strict: "where-possible" }]) ?? "");
  assert.deepEqual(
    [call("f", '{"a": 1}'), call("g", '{"n": 1}'), call("g", '{"n": "1"}')].map((text) => free.matches(text)),
    [true, true, false],
  );
});

test("tools that are too large together are left free, but for those that have to be strict", () => {
  const large = {
    type: "object",
    properties: Object.fromEntries(
      Array.from({ length: 60 }, (_, i) => [`p${i}`, { type: "string", maxLength: 1500 }]),
    ),
  };
  const many = Array.from({ length: 4 }, (_, index) => ({
    name: `f${index}`,
    parameters: large,
    strict: "where-possible" as const,
  }));
  assert.equal(compileAnswer({ schema: null, tools: many, choice: "auto" }, formOf("hermes")), null);
  const one = compileAnswer({ schema: null, tools: [...many, tools[0]], choice: "auto" }, formOf("hermes"));
  assert.ok(one !== null && !new GbnfMatcher(one).begins('<tool_call>{"name": "add", "arguments": {}'));
});

test("names of tools take time by their letters, and not by their square", () => {
  const named = Array.from({ length: 48 }, (_, index) => ({
    ...tools[0],
    name: `${index}`.padEnd(64, "The-quick-brown-fox-jumps-over-the-lazy-dog".slice(index % 20)),
  }));
  const quickest = (work: () => void): number => {
    const times = Array.from({ length: 3 }, () => {
      const beganAtMs = performance.now();
      work();
      return performance.now() - beganAtMs;
    });
    return Math.min(...times);
  };
  let grammar = "";
  const compileMs = quickest(() => {
    grammar = compileAnswer({ schema: null, tools: named, choice: "auto" }, formOf("hermes", true)) ?? "";
  });
  const readMs = quickest(() => checkGbnf(grammar, "grammar", grammar.length));
  assert.ok(compileMs < 12 * readMs, `${compileMs} ms to compile what is read in ${readMs} ms`);
});

test("the schemas of an answer share the time that they may take", () => {
  const slow = { type: "object", properties: { a: { type: "string", pattern: "^(a|b)*a(a|b){9}$" } }, required: ["a"] };
  const toolsOf = (strict: "always" | "where-possible") =>
    Array.from({ length: 20 }, (_, index) => ({ name: `f${index}`, parameters: slow, strict }));
  const compile = (strict: "always" | "where-possible") =>
    compileAnswer({ schema: null, tools: toolsOf(strict), choice: "auto" }, formOf("hermes"));
  const matcher = new GbnfMatcher(compile("where-possible") ?? "");
  const isEnforced = toolsOf("always").map(
    ({ name }) => !matcher.begins(`<tool_call>{"name": "${name}", "arguments": {}`),
  );
  assert.deepEqual([isEnforced[0], isEnforced.at(-1)], [true, false]);
  assert.throws(() => compile("always"), { code: "invalid_request", message: /with others takes too long/ });
});

test("where no tool is strict, nothing is enforced", () => {
  const free = tools.map(({ name, parameters }) => ({ name, parameters }));
  for (const format of formats)
    assert.equal(compileAnswer({ schema: null, tools: free, choice: "auto" }, formOf(format)), null);
});
