import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { AnswerForm } from "../../output/answer-form.ts";
import { OutputParser } from "../../output/output-parser.ts";
import { textParametersOf } from "../../output/text-parameters.ts";
import { compileAnswer } from "../compile-answer.ts";
import { GbnfMatcher, sampleText } from "../testing/gbnf-matcher.ts";
import { conforms } from "../testing/json-conformance.ts";

/** All that a value may be, and names and values that look like tags. */
const schema = {
  type: "object",
  properties: {
    nested: {
      type: "object",
      properties: {
        "a<b": { type: "string", maxLength: 9 },
        "</x>": { enum: ["</parameter>", "</arg_value>", 1, { "</parameter>": null }] },
      },
      required: ["a<b", "</x>"],
    },
    unit: { enum: ["metric", "a < b", "</parameter>", "</arg_value>"] },
    code: { type: "string", pattern: "^[a-z]{2}-[0-9<>/]{1,3}$" },
    short: { type: "string", maxLength: 5 },
    long: { type: "string", minLength: 70, maxLength: 90 },
    huge: { type: "string", maxLength: 50_000 },
    maybe: { type: ["string", "null"] },
    either: { anyOf: [{ type: "integer", minimum: 3 }, { type: "string" }] },
    list: { type: "array", items: { type: "string" }, maxItems: 3 },
    isOn: { type: "boolean" },
    // Free texts take what is left of the steps.
    city: { type: "string" },
    any: {},
  },
  required: ["city", "unit", "code", "nested", "list"],
  additionalProperties: false,
};
const map = { type: "object", additionalProperties: { type: "number" } };
const tools = [
  { name: "look", parameters: schema, strict: "always" },
  { name: "look_up", parameters: map, strict: "always" },
  { name: "now", strict: "always" },
] as const;
const schemas = new Map<string, unknown>([
  ["look", schema],
  ["look_up", map],
  ["now", { type: "object", additionalProperties: false }],
]);

function callsIn(text: string, { format, startsInReasoning }: AnswerForm) {
  const textParameters = Object.fromEntries([...schemas].map(([name, one]) => [name, textParametersOf(one)]));
  const parser = new OutputParser({ format, startsInReasoning, toolNames: [...schemas.keys()], textParameters });
  const calls: { name: string; json: string; isComplete: boolean }[] = [];
  let said = "";
  for (const delta of [...parser.push(text), ...parser.finish()]) {
    const last = calls.at(-1);
    if (delta.kind === "text") said += delta.text;
    else if (delta.kind === "toolCallBegin") calls.push({ name: delta.name, json: "", isComplete: false });
    else if (last !== undefined && delta.kind === "toolCallArguments") last.json += delta.text;
    else if (last !== undefined && delta.kind === "toolCallEnd") last.isComplete = delta.isComplete;
  }
  return { calls, said };
}

/** What stands before the first call's own part, by format, and the rule of that. */
const marks = {
  hermes: ["<tool_call>", "calls"],
  mistral: ["[TOOL_CALLS]", "calls"],
  kimi: ["<|tool_call_begin|>", "calls"],
  qwenCoder: ["<function=", "calls"],
  seed: ["<function=", "calls"],
  glm: ["<tool_call>", "calls"],
  minimax: ['<invoke name="', "calls"],
  llama3: ["{", "call"],
  json: ["{", "call"],
} as const;

describe("every call of the grammar is read, whole, with arguments of its schema", () => {
  for (const [calls, [mark, rule]] of Object.entries(marks)) {
    test(calls, () => {
      const form: AnswerForm = {
        format: { calls: calls as keyof typeof marks, thoughts: "none" },
        startsInReasoning: false,
        thinking: "never",
      };
      const { grammar } = new GbnfMatcher(compileAnswer({ schema: null, tools, choice: "auto" }, form) ?? "");
      const root = grammar.rules.findIndex(({ name }) => name.replace(/-\d+$/, "") === rule);
      const seen = new Set<string>();
      fc.assert(
        fc.property(fc.infiniteStream(fc.nat()), (numbers) => {
          const choose = (count: number): number => (numbers.next().value ?? 0) % count;
          const text = mark + sampleText({ ...grammar, root }, choose, 200);
          const read = callsIn(text, form);
          assert.ok(read.calls.length > 0 && read.said.trim() === "", text);
          for (const { name, json, isComplete } of read.calls) {
            assert.ok(isComplete && conforms(JSON.parse(json), schemas.get(name)), `${text}\n${json}`);
            seen.add(name);
          }
        }),
        { numRuns: 300 },
      );
      assert.equal(seen.size, tools.length);
    });
  }
});
