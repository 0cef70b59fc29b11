import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { OutputDelta } from "./output-delta.ts";
import { callFormats, type OutputFormat, OutputParser, outputMarkers, thoughtFormats } from "./output-parser.ts";

const toolNames = ["time", "add"];
type Options = {
  readonly calls: OutputFormat["calls"];
  readonly thoughts?: OutputFormat["thoughts"];
  readonly isOpen?: boolean;
};

const parserOf = ({ calls, thoughts = "none", isOpen = false }: Options): OutputParser =>
  new OutputParser({ format: { calls, thoughts }, startsInReasoning: isOpen, toolNames });

function parse(answer: string, options: Options): OutputDelta[] {
  const parser = parserOf(options);
  return [...parser.push(answer), ...parser.finish()];
}

/** One letter a kind, then what it carries. */
function short(deltas: readonly OutputDelta[]): string[] {
  return deltas.map((delta) => {
    if (delta.kind === "toolCallBegin") return `begin ${delta.name}`;
    if (delta.kind === "toolCallEnd") return delta.isComplete ? "end" : "cut";
    return `${delta.kind === "toolCallArguments" ? "json" : delta.kind}: ${delta.text}`;
  });
}

const shown = (deltas: readonly OutputDelta[]): string =>
  deltas.map((delta) => ("text" in delta ? delta.text : "")).join("|");

const block = (body: string): string => `<｜tool▁calls▁begin｜>${body}<｜tool▁calls▁end｜>`;
const begin = "<｜tool▁call▁begin｜>";
const separator = "<｜tool▁sep｜>";
const end = "<｜tool▁call▁end｜>";
const unknown = block(`${begin}function${separator}nobody\n\`\`\`json\n{}\n\`\`\`${end}`);
const commentary = "<|channel|>commentary to=functions.nobody <|constrain|>json<|message|>";

describe("what is no whole call is kept as it was written", () => {
  for (const [calls, answer, expected] of [
    ["deepseek", unknown, [`text: ${unknown}`]],
    ["deepseek", "<｜tool▁calls▁begin｜>no call", ["text: <｜tool▁calls▁begin｜>no call"]],
    ["deepseek", `${begin}add${separator}{}${end}Hello`, ["begin add", "json: {}", "end", "text: Hello"]],
    ["harmony", `${commentary}{"a":1}<|call|>`, [`text: ${commentary}{"a":1}`]],
    ["harmony", "<|channel|>commentary<|message|>I look.<|end|>", ["text: I look."]],
    ["harmony", "<|start|>assistant<|end|>", ["text: <|start|>assistant<|end|>"]],
    [
      "harmony",
      '<|channel|>commentary to=functions.add<|message|> {"a":1} and',
      ["begin add", 'json: {"a":1}', "end", "text: and"],
    ],
    ["harmony", "<|channel|>analysis to=functions.finalize<|message|>{}", null],
    ["hermes", '<tool_call>{"name":"add","arguments":{}oops}', ["begin add", "json: {}", "end", "text: oops}"]],
    ["hermes", '<tool_call><tool_call>{"name":"add"}', ["text: <tool_call>", "begin add", "json: {}", "end"]],
    ["hermes", '<tool_call>{"name":"add"}</tool_call>], and', ["begin add", "json: {}", "end", "text: ], and"]],
    ["hermes", '<tool_call>{"name":"add","arguments":{},"arguments":{"b":2}}', null],
    ["hermes", '<tool_call>{"name":"add","arguments":"no JSON"}</tool_call>', null],
    ["hermes", '<tool_call>{"name":"add","arguments":[1]}</tool_call>', null],
    ["mistral", "[TOOL_CALLS]I say add[ARGS]{}", null],
    ["mistral", "[TOOL_CALLS]add[ARGS]hello world", null],
    ["json", '{"name":"time","age":3}', null],
    ["llama3", '{"name":"time"}', null],
  ] as const) {
    test(`${calls}: ${answer}`, () => {
      const found = short(parse(answer, { calls }));
      if (answer.includes('"arguments":{},"arguments"'))
        assert.deepEqual(found, ["begin add", "json: {}", "end", 'text: ,"arguments":{"b":2}}']);
      else assert.deepEqual(found, expected ?? [`text: ${answer}`]);
    });
  }

  test("the block that the prompt has opened may be opened once more by the model", () => {
    assert.deepEqual(short(parse("\n<think>so</think>Yes", { calls: "none", isOpen: true })), [
      "reasoning: so",
      "text: Yes",
    ]);
    assert.deepEqual(short(parse(" so</think>Yes", { calls: "none", isOpen: true })), ["reasoning: so", "text: Yes"]);
    assert.deepEqual(short(parse("so<|end|>", { calls: "harmony", isOpen: true })), ["reasoning: so"]);
  });
});

const pieces = [
  "time",
  "add",
  '{"name": "',
  '", "arguments": ',
  '{"a": [1]}',
  "}",
  "{",
  "[",
  "]",
  ";",
  '"',
  "```",
  " ",
];
// The header of a Harmony message tells what it is and is no part of it, so that words in it are not kept.
const markers = [...outputMarkers].filter((marker) => marker !== "<|message|>");
const answers = fc
  .array(fc.oneof(fc.constantFrom(...markers, ...pieces), fc.constant("§")), { maxLength: 16 })
  .map((parts) => parts.map((part, i) => (part === "§" ? `§${i}§` : part)).join(""));
const options = fc.record({
  calls: fc.constantFrom(...callFormats),
  thoughts: fc.constantFrom(...thoughtFormats),
  isOpen: fc.boolean(),
});

test("every word comes out once, whatever stands around it", () => {
  fc.assert(
    fc.property(answers, options, (answer, chosen) => {
      const output = shown(parse(answer, chosen));
      for (const word of answer.match(/§\d+§/g) ?? []) assert.equal(output.split(word).length, 2, `${word}: ${output}`);
    }),
    { numRuns: 5000 },
  );
});

test("only calls of known tools begin, each ends once, and none runs into another", () => {
  fc.assert(
    fc.property(answers, options, (answer, chosen) => {
      let open: number | null = null;
      let next = 0;
      for (const delta of parse(answer, chosen)) {
        if (delta.kind === "toolCallBegin") {
          assert.deepEqual([open, delta.index, toolNames.includes(delta.name)], [null, next, true]);
          open = delta.index;
        } else if (delta.kind === "toolCallEnd") {
          assert.equal(delta.index, open);
          open = null;
          next += 1;
        } else assert.equal(delta.kind === "toolCallArguments" ? delta.index : null, open);
      }
      assert.equal(open, null);
    }),
    { numRuns: 2000 },
  );
});

test("never more than the limit is held back", () => {
  const total = 200_000;
  for (const calls of callFormats)
    for (const start of [
      "",
      "[TOOL_CALLS]",
      "<tool_call>",
      "<tool_call>{",
      '<tool_call>{"name":"add","id":"',
      begin,
      block(""),
    ])
      for (const filler of [" ", "[", "a", "\n"]) {
        const parser = parserOf({ calls, thoughts: "think" });
        parser.push(start + filler.repeat(total));
        const held = shown(parser.finish()).length;
        assert.ok(held <= 64 * 1024 + 64, `${calls} ${start}${JSON.stringify(filler)}: ${held}`);
      }
});
