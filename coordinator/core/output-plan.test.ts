import assert from "node:assert/strict";
import { test } from "node:test";
import { toPomonaError } from "@pomona/shared/core/errors";
import { detectAnswerForm, plainForm, type Thinking } from "@pomona/shared/core/output/answer-form";
import { freeOutput, type OutputWish } from "./generation-request.ts";
import { planOutput } from "./output-plan.ts";

/** The field that a model with such thoughts refuses; null when it takes the wish. */
function refused(thinking: Thinking, wish: Partial<OutputWish>): string | null {
  const input = { kind: "text", text: "a" } as const;
  try {
    planOutput({ input, output: { ...freeOutput, ...wish } }, { ...plainForm, thinking });
    return null;
  } catch (thrown) {
    const { code, field } = toPomonaError(thrown);
    assert.equal(code, "invalid_request");
    return field;
  }
}

test("thinking is refused of models that never do, and not thinking of those that always do", () => {
  const on = { thinking: { isOn: true, field: "think" } };
  const off = { thinking: { isOn: false, field: "think" } };
  const table: readonly (readonly [Thinking, on: string | null, off: string | null])[] = [
    ["never", "think", null],
    ["always", null, "think"],
    ["switched", null, null],
    ["graded", null, null],
  ];
  for (const [thinking, whenOn, whenOff] of table) {
    assert.equal(refused(thinking, on), whenOn, thinking);
    assert.equal(refused(thinking, off), whenOff, thinking);
  }
});

test("an effort that a model cannot make is refused by the field that the API has for it", () => {
  assert.equal(refused("never", { effort: "low" }), "reasoning_effort");
  assert.equal(refused("never", { effort: "low", effortField: "reasoning.effort" }), "reasoning.effort");
  assert.equal(refused("never", { effort: "none" }), null);
});

test("of tools of which some are allowed, no other is called, nor let by the grammar", () => {
  const tools = ["look", "send"].map((name) => ({ name, parameters: { type: "object" } }));
  const planOf = (changes: Partial<OutputWish>) => {
    const input = { kind: "chat", messages: [{ role: "user", content: "hi" }], tools } as const;
    return planOutput({ input, output: { ...freeOutput, ...changes } }, detectAnswerForm("<tool_call>", ""));
  };
  assert.deepEqual(planOf({}).assembly.toolNames, ["look", "send"]);
  const { assembly, grammar } = planOf({ toolChoice: "required", allowedTools: ["look"] });
  assert.deepEqual(assembly.toolNames, ["look"]);
  assert.match(grammar ?? "", /look/);
  assert.doesNotMatch(grammar ?? "", /send/);
  assert.deepEqual(planOf({ toolChoice: "none", allowedTools: ["look"] }).assembly.toolNames, []);
});
