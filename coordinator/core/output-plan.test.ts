import assert from "node:assert/strict";
import { test } from "node:test";
import { toPomonaError } from "@pomona/shared/core/errors";
import { plainForm, type Thinking } from "@pomona/shared/core/output/answer-form";
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
