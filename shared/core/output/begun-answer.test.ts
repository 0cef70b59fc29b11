import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readBeginning } from "./begun-answer.ts";
import { OutputAssembler } from "./output-assembler.ts";
import { callFormats, type OutputFormat, thoughtFormats } from "./output-parser.ts";
import { call, parse, toolNames } from "./testing/parsed-parts.ts";

const textOf = (text: string) => ({ text, reasoning: "", calls: [] });

describe("the rest of a text that has begun", () => {
  test("is text from its first character on, in every format", () => {
    for (const calls of callFormats)
      for (const thoughts of thoughtFormats)
        for (const rest of ['\n "a": 1}', '{"name": "time", "arguments": {}}', " to=the end", "time(1)"]) {
          const options = { format: { calls, thoughts }, startsInText: true };
          assert.deepEqual(parse(rest, options), textOf(rest), `${calls} ${thoughts}`);
        }
  });

  test("has no thoughts, but for models that think anywhere", () => {
    const think = "<think>Hm.</think>So.";
    const options = { startsInText: true } as const;
    assert.deepEqual(parse(think, { ...options, format: { calls: "none", thoughts: "think" } }), textOf(think));
    const gemma = "So <|channel>thought\nHm.<channel|>it is.";
    const { text, reasoning } = parse(gemma, { ...options, format: { calls: "gemma", thoughts: "gemma" } });
    assert.deepEqual([text, reasoning], ["So it is.", "Hm."]);
  });

  test("may be followed by calls with a mark", () => {
    const marked: readonly (readonly [OutputFormat["calls"], string])[] = [
      ["hermes", '<tool_call>{"name": "time", "arguments": {}}</tool_call>'],
      ["llama3", '<|python_tag|>{"name": "time", "parameters": {}}'],
      ["mistral", "[TOOL_CALLS]time[ARGS]{}"],
      ["deepseek", "<｜tool▁call▁begin｜>time<｜tool▁sep｜>{}<｜tool▁call▁end｜>"],
      ["harmony", "<|end|><|start|>assistant<|channel|>commentary to=functions.time<|message|>{}<|call|>"],
    ];
    for (const [calls, written] of marked) {
      const parts = parse(` see.${written}`, { format: { calls, thoughts: "none" }, startsInText: true });
      assert.deepEqual(parts, { text: " see.", reasoning: "", calls: [call("time", "{}")] }, calls);
    }
  });

  test("is searched for stop strings by itself", () => {
    const assembler = new OutputAssembler({ stop: ["```"], startsInText: true, toolNames });
    const { deltas, isStopped } = assembler.push(["``x", "``` more"].map((text) => new TextEncoder().encode(text)));
    assert.deepEqual([deltas, isStopped], [[{ kind: "text", text: "``x" }], true]);
  });
});

test("thoughts in tags at the beginning of a text are told from it, and may go on", () => {
  const read = (content: string, reasoning?: string) =>
    readBeginning({ content, ...(reasoning === undefined ? {} : { reasoning }) }, "think");
  const plain = { thoughts: "", isThinking: false };
  assert.deepEqual(read(" {\n"), { ...plain, text: " {\n" });
  assert.deepEqual(read("Of <think>"), { ...plain, text: "Of <think>" });
  assert.deepEqual(read("<think>a</think>\n\nb "), { thoughts: "a", isThinking: false, text: "b " });
  assert.deepEqual(read("\n<think>\na"), { thoughts: "\na", isThinking: true, text: "" });
  assert.deepEqual(read("b", "a"), { thoughts: "a", isThinking: false, text: "b" });
  assert.deepEqual(readBeginning({ content: "<think>a</think>b" }, null), { ...plain, text: "<think>a</think>b" });
});
