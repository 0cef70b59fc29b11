import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { AnswerForm } from "../output/answer-form.ts";
import { thoughtTags } from "../output/formats/thought-reader.ts";
import { OutputParser, thoughtFormats } from "../output/output-parser.ts";
import { compileAnswer } from "./compile-answer.ts";
import { GbnfMatcher } from "./testing/gbnf-matcher.ts";

const tools = [
  { name: "now", parameters: { type: "object", properties: { zone: { enum: ["UTC"] } }, required: ["zone"] } },
];
const schema = { schema: { type: "object", properties: { a: { type: "integer" } }, required: ["a"] }, field: "format" };

const formOf = (
  calls: AnswerForm["format"]["calls"],
  thoughts: AnswerForm["format"]["thoughts"] = "none",
  startsInReasoning = false,
): AnswerForm => ({
  format: { calls, thoughts },
  startsInReasoning,
  thinking: thoughts === "none" ? "never" : "always",
});

function matcherOf(grammar: string | null): GbnfMatcher {
  assert.ok(grammar !== null);
  return new GbnfMatcher(grammar);
}

test("what may be anything has no grammar", () => {
  assert.equal(compileAnswer({ schema: null, tools, choice: "auto" }, formOf("hermes")), null);
  assert.equal(compileAnswer({ schema: null, tools, choice: "none" }, formOf("hermes")), null);
});

test("a document or a call, where a model may choose; a call alone, where it may not", () => {
  const call = '<tool_call>\n{"name": "now", "arguments": {"zone": "UTC"}}\n</tool_call>';
  const either = matcherOf(compileAnswer({ schema, tools, choice: "auto" }, formOf("hermes")));
  assert.deepEqual(
    ['{"a": 1}', call, `${call}{"a": 1}`, "so"].map((text) => either.matches(text)),
    [true, true, false, false],
  );
  const forced = matcherOf(compileAnswer({ schema, tools, choice: "required" }, formOf("hermes")));
  assert.deepEqual([forced.matches('{"a": 1}'), forced.matches(call)], [false, true]);
  const none = matcherOf(compileAnswer({ schema, tools, choice: "none" }, formOf("hermes")));
  assert.deepEqual([none.matches('{"a": 1}'), none.matches(call)], [true, false]);
});

test("thoughts may stand before it, as the model writes them, and end once", () => {
  const matcher = matcherOf(compileAnswer({ schema, tools: [], choice: "auto" }, formOf("hermes", "think")));
  const ok = ['{"a": 1}', '<think>a < b </thin > <<</think>\n\n{"a": 1}', '<think></think>{"a": 1}'];
  for (const text of ok) assert.ok(matcher.matches(text), text);
  const wrong = ['<think>{"a": 1}', '<think></think>no</think>{"a": 1}', 'x<think></think>{"a": 1}'];
  for (const text of wrong) assert.ok(!matcher.matches(text), text);
});

test("a prompt that has opened the thoughts goes on with them", () => {
  const matcher = matcherOf(compileAnswer({ schema, tools: [], choice: "auto" }, formOf("hermes", "think", true)));
  assert.ok(matcher.matches('so</think>\n{"a": 1}'));
  assert.ok(!matcher.matches('{"a": 1}'));
});

test("gpt-oss thinks in a channel and answers in another", () => {
  const answer = matcherOf(compileAnswer({ schema, tools: [], choice: "auto" }, formOf("harmony")));
  assert.ok(answer.matches('<|channel|>final<|message|>{"a": 1}'));
  const thoughts = "<|channel|>analysis<|message|>hm<|x<|end|><|start|>assistant";
  assert.ok(answer.matches(`${thoughts}<|channel|>final<|message|>{"a": 1}`));
  const call = matcherOf(compileAnswer({ schema: null, tools, choice: { name: "now" } }, formOf("harmony")));
  assert.ok(
    call.matches(`${thoughts}<|channel|>commentary to=functions.now <|constrain|>json<|message|>{"zone": "UTC"}`),
  );
});

test("every text that a grammar allows is parted as it was meant, in every form", () => {
  const forms = fc.record({
    calls: fc.constantFrom("hermes", "llama3", "mistral", "deepseek", "harmony", "json", "none" as const),
    tags: fc.constantFrom(...thoughtFormats),
    isOpen: fc.boolean(),
  });
  const thoughts = fc.string({
    unit: fc.constantFrom("<", "/", "t", "think>", "</thin", "|", "end", "a", "\n", "[/TH", "<channel", "<|END_"),
  });
  fc.assert(
    fc.property(forms, thoughts, ({ calls, tags, isOpen }, thought) => {
      const isThinker = tags !== "none" && calls !== "harmony";
      const form = formOf(calls, isThinker ? tags : "none", isThinker && isOpen);
      const matcher = matcherOf(compileAnswer({ schema: null, tools, choice: "required" }, form));
      const [open, close] = thoughtTags[tags === "none" ? "think" : tags];
      const isThinking = isThinker && !thought.includes(close) && !thought.trimStart().startsWith(open);
      const block = `${form.startsInReasoning ? "" : open}${isThinking ? thought : ""}${close}`;
      const text = (isThinker ? block : "") + callIn(calls);
      assert.ok(matcher.matches(text), text);
      const format = { ...form.format, calls: calls === "none" ? "json" : calls };
      const parser = new OutputParser({ format, startsInReasoning: form.startsInReasoning, toolNames: ["now"] });
      const deltas = [...parser.push(text), ...parser.finish()];
      const kinds = new Set(deltas.map(({ kind }) => kind));
      assert.ok(!kinds.has("text"), text);
      assert.ok(kinds.has("toolCallEnd"), text);
      const thoughtOf = deltas.map((delta) => (delta.kind === "reasoning" ? delta.text : "")).join("");
      if (isThinking) assert.equal(thoughtOf.trim(), thought.trim());
    }),
  );
});

function callIn(calls: AnswerForm["format"]["calls"]): string {
  const values = '{"zone": "UTC"}';
  const object = `{"name": "now", "arguments": ${values}}`;
  switch (calls) {
    case "hermes":
      return `<tool_call>\n${object}\n</tool_call>`;
    case "llama3":
      return `{"name": "now", "parameters": ${values}}`;
    case "mistral":
      return `[TOOL_CALLS][${object}]`;
    case "deepseek":
      return (
        "<\uff5ctool\u2581calls\u2581begin\uff5c><\uff5ctool\u2581call\u2581begin\uff5c>now<\uff5ctool\u2581sep\uff5c>" +
        `${values}<\uff5ctool\u2581call\u2581end\uff5c><\uff5ctool\u2581calls\u2581end\uff5c>`
      );
    case "harmony":
      return `<|channel|>commentary to=functions.now <|constrain|>json<|message|>${values}`;
    default:
      return object;
  }
}
