import assert from "node:assert/strict";
import { test } from "node:test";
import { toPomonaError } from "@pomona/shared/core/errors";
import { compileAnswer } from "@pomona/shared/core/grammar/compile-answer";
import { GbnfMatcher } from "@pomona/shared/core/grammar/testing/gbnf-matcher";
import { type AnswerForm, detectAnswerForm, plainForm, type Thinking } from "@pomona/shared/core/output/answer-form";
import { freeOutput, type OutputWish } from "./generation-request.ts";
import { planOutput as planOf } from "./output-plan.ts";

/** With the grammar that it asks for. */
function planOutput(...request: Parameters<typeof planOf>) {
  const { wish, assembly } = planOf(...request);
  return { grammar: wish === null ? null : compileAnswer(wish.answer, wish.form), assembly };
}

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
  const plan = (changes: Partial<OutputWish>) => {
    const input = { kind: "chat", messages: [{ role: "user", content: "hi" }], tools } as const;
    return planOutput({ input, output: { ...freeOutput, ...changes } }, detectAnswerForm("<tool_call>", ""));
  };
  assert.deepEqual(plan({}).assembly.toolNames, ["look", "send"]);
  const { assembly, grammar } = plan({ toolChoice: "required", allowedTools: ["look"] });
  assert.deepEqual(assembly.toolNames, ["look"]);
  assert.match(grammar ?? "", /look/);
  assert.doesNotMatch(grammar ?? "", /send/);
  assert.deepEqual(plan({ toolChoice: "none", allowedTools: ["look"] }).assembly.toolNames, []);
});

test("a form without quotes is told which parameters are texts, and what a grammar makes is JSON", () => {
  const parameters = { type: "object", properties: { text: { type: "string" }, count: { type: "integer" } } };
  const chat = {
    kind: "chat",
    messages: [{ role: "user", content: "hi" }],
    tools: [{ name: "f", parameters }],
  } as const;
  const form = detectAnswerForm("<tool_call><function=", "");
  const free = planOutput({ input: chat, output: freeOutput }, form);
  assert.deepEqual([free.assembly.format.calls, free.assembly.textParameters], ["qwenCoder", { f: ["text"] }]);
  const forced = planOutput({ input: chat, output: { ...freeOutput, toolChoice: "required" } }, form);
  assert.deepEqual([forced.assembly.format.calls, forced.assembly.textParameters], ["json", {}]);
  assert.ok(new GbnfMatcher(forced.grammar ?? "").matches('{"name": "f", "arguments": {"text": "a", "count": 7}}'));
});

test("a schema of a tool that cannot be enforced is named by its place in the request, as the API has it", () => {
  const tools = [{}, { type: "colour" }].map((parameters, place) => ({ name: `f${place}`, parameters }));
  const input = { kind: "chat", messages: [{ role: "user", content: "hi" }], tools } as const;
  const wish = { ...freeOutput, toolChoice: "required", allowedTools: ["f1"] } as const;
  const plan = (more: Partial<OutputWish>) => () =>
    planOutput({ input, output: { ...wish, ...more } }, detectAnswerForm("<tool_call>", ""));
  assert.throws(plan({}), { field: "tools[1].function.parameters" });
  assert.throws(plan({ parametersField: "tools[].input_schema" }), { field: "tools[1].input_schema" });
});

const tools = [
  { name: "now", parameters: { type: "object", properties: {}, additionalProperties: false } },
  { name: "later", parameters: { type: "object", properties: {}, additionalProperties: false } },
];
const input = { kind: "chat", messages: [{ role: "user", content: "a" }], tools } as const;
const thinker: AnswerForm = {
  format: { calls: "hermes", thoughts: "think" },
  startsInReasoning: false,
  thinking: "switched",
};

function plan(changes: Partial<OutputWish>, form: AnswerForm = thinker) {
  return planOutput({ input, output: { ...freeOutput, ...changes } }, form);
}

test("what is free has no grammar, and calls are told by the tools that there are", () => {
  const { grammar, assembly } = plan({});
  assert.equal(grammar, null);
  assert.deepEqual(assembly, {
    format: thinker.format,
    startsInReasoning: false,
    startsInText: false,
    toolNames: ["now", "later"],
    textParameters: {},
    isOneCall: false,
    isCallForced: false,
  });
  for (const toolChoice of ["required", { name: "now" }] as const)
    assert.equal(plan({ toolChoice }).assembly.isCallForced, true);
  assert.equal(plan({ toolChoice: "none" }).assembly.isCallForced, false);
  assert.deepEqual(plan({ toolChoice: "none" }).assembly.toolNames, []);
});

test("where a tool is strict, text stays text, and the calls in it are held to their schemas", () => {
  const strict = tools.map((tool) => ({ ...tool, strict: "always" as const }));
  const { grammar } = planOutput({ input: { ...input, tools: strict }, output: freeOutput }, thinker);
  const matcher = new GbnfMatcher(grammar ?? "");
  const call = (json: string): string => `Well.<tool_call>\n{"name": "now", "arguments": ${json}}\n</tool_call>`;
  assert.deepEqual(
    ["Hello.", call("{}"), call('{"a": 1}')].map((text) => matcher.matches(text)),
    [true, true, false],
  );
});

test("thoughts stand before what is enforced, unless the model is not to think", () => {
  const call = '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>';
  const matches = (changes: Partial<OutputWish>, text: string): boolean => {
    const { grammar } = plan({ toolChoice: { name: "now" }, ...changes });
    assert.ok(grammar !== null);
    return new GbnfMatcher(grammar).matches(text);
  };
  const off = { thinking: { isOn: false, field: "think" } };
  for (const changes of [{}, { effort: "none" }, off]) assert.ok(matches(changes, call));
  assert.ok(matches({}, `<think>a</think>${call}`));
  for (const changes of [{ effort: "none" }, off]) assert.ok(!matches(changes, `<think>a</think>${call}`));
});

test("a call that is enforced is read in the form in which it is enforced", () => {
  const plain: AnswerForm = {
    format: { calls: "none", thoughts: "none" },
    startsInReasoning: false,
    thinking: "never",
  };
  assert.equal(plan({ toolChoice: "required" }, plain).assembly.format.calls, "json");
  assert.equal(plan({}, plain).assembly.format.calls, "none");
});

test("an answer that has begun begins as text, and what comes before a text, or instead of it, is refused beside it", () => {
  const form = { ...thinker, startsInText: true };
  assert.equal(plan({}, form).assembly.startsInText, true);
  const table: readonly (readonly [field: string, changes: Partial<OutputWish>])[] = [
    ["tool_choice", { toolChoice: "required" }],
    ["tool_choice", { toolChoice: { name: "now" } }],
    ["reasoning_effort", { effort: "high" }],
  ];
  for (const [field, changes] of table) {
    assert.throws(() => plan(changes, form), { code: "invalid_request", field, message: /the last of messages has/ });
    plan(changes);
  }
  for (const changes of [{ effort: "none" }, { toolChoice: "none" }] as const) plan(changes, form);
  const json = { ...input, messages: [...input.messages, { role: "assistant", content: " {" }] } as const;
  const { grammar } = planOutput({ input: json, output: { ...freeOutput, shape: { kind: "json" } } }, form);
  const matcher = new GbnfMatcher(grammar ?? "");
  assert.deepEqual(
    ['"a": 1}', '{"a": 1}', "<think>a</think>}", "}"].map((text) => matcher.matches(text)),
    [true, false, false, true],
  );
  const thought = { role: "assistant", content: "a", reasoning: "hm" } as const;
  const behind = { ...input, messages: [...input.messages, thought] };
  planOutput({ input: behind, output: { ...freeOutput, effort: "high" } }, form);
});
