import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnswerForm } from "../../output/answer-form.ts";
import { compileAnswer } from "../compile-answer.ts";
import type { ChoosableTool } from "../compile-tool-choice.ts";
import { GbnfMatcher } from "../testing/gbnf-matcher.ts";

const form: AnswerForm = {
  format: { calls: "qwenCoder", thoughts: "none" },
  startsInReasoning: false,
  thinking: "never",
};

/** Whether a call of `write` with the text is one of the grammar. */
function writes(tools: readonly ChoosableTool[], text: string): boolean {
  const matcher = new GbnfMatcher(compileAnswer({ schema: null, tools, choice: "auto" }, form) ?? "");
  return matcher.matches(`<function=write>\n<parameter=code>\n${text}\n</parameter>\n</function>`);
}

function writing(code: object, more: object = {}): ChoosableTool {
  const parameters = { type: "object", properties: { ...more, code: { type: "string", ...code } }, required: ["code"] };
  return { name: "write", strict: "where-possible", parameters };
}

test("a long text whose length is limited may hold tags, but not the end of its value", () => {
  const code = '<p>a << 1 && b < 2; a</b; x <= y</p><path d="M0"></path>';
  for (const limits of [{ maxLength: 1000 }, { minLength: 70 }, { minLength: 70, maxLength: 1000 }]) {
    const tools = [writing(limits)];
    assert.ok(writes(tools, code.repeat(2)), JSON.stringify(limits));
    assert.ok(!writes(tools, `${code.repeat(2)}</parameter>`));
  }
  assert.ok(!writes([writing({ minLength: 70 })], "<p>short</p>"));
  assert.ok(writes([writing({ maxLength: 100 })], "x".repeat(100)));
  assert.ok(!writes([writing({ maxLength: 100 })], "x".repeat(101)));
  // The longest of its parts.
  for (const part of ["<<a", "</pa>"]) {
    assert.ok(writes([writing({ maxLength: 100 })], part.repeat(20)));
    assert.ok(!writes([writing({ maxLength: 100 })], part.repeat(34)));
  }
});

test("a tool whose schema is none takes no rule from the others", () => {
  const wrong = { ...writing({ maxLength: 1000 }, { wrong: { type: "word" } }), name: "wrong" };
  for (const tools of [
    [wrong, writing({ maxLength: 1000 })],
    [writing({ maxLength: 1000 }), wrong],
  ]) {
    assert.ok(writes(tools, "x".repeat(1000)));
    assert.ok(!writes(tools, "x".repeat(1001)));
  }
});
