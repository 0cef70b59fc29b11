import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as afterThis } from "node:timers/promises";
import type { ToolDefinition } from "@pomona/shared/core/generation";
import { compileAnswerInSlices } from "@pomona/shared/core/grammar/compile-answer";
import { type AnswerForm, detectAnswerForm } from "@pomona/shared/core/output/answer-form";
import { AnswerGrammars } from "./answer-grammars.ts";
import { freeOutput, type OutputWish } from "./core/generation-request.ts";

const hermes = detectAnswerForm("<tool_call>", "");

/** A tool that is named by `name`, and has so many properties. */
function toolOf(name: string, properties: number): ToolDefinition {
  const names = Array.from({ length: properties }, (_, index) => `${name} ${index * 7919}`);
  const parameters = { type: "object", properties: Object.fromEntries(names.map((one) => [one, { type: "integer" }])) };
  return { name, parameters, strict: "always" };
}

function asked(tools: readonly ToolDefinition[], output: Partial<OutputWish> = {}) {
  const input = { kind: "chat", messages: [{ role: "user", content: "a" }], tools } as const;
  return { input, output: { ...freeOutput, ...output } };
}

const many = Array.from({ length: 30 }, (_, index) => toolOf(`tool${index}`, 40));

/** Grammars, and how often one was made. */
function counted(): { readonly grammars: AnswerGrammars; readonly made: () => number } {
  let made = 0;
  const grammars = new AnswerGrammars((...asked) => {
    made += 1;
    return compileAnswerInSlices(...asked);
  });
  return { grammars, made: () => made };
}

test("what was asked for before is not made again, whoever asked", async () => {
  const { grammars, made } = counted();
  const sent = (): ToolDefinition[] => structuredClone(many);
  const first = await grammars.plan(asked(sent()), hermes, "a");
  for (let times = 0; times < 5; times += 1) assert.deepEqual(await grammars.plan(asked(sent()), hermes, "b"), first);
  assert.equal(made(), 1);
});

test("what is asked for at the same moment is made once", async () => {
  const { grammars, made } = counted();
  const plans = await Promise.all(
    Array.from({ length: 20 }, (_, index) => grammars.plan(asked(many), hermes, `${index % 3}`)),
  );
  assert.equal(new Set(plans.map(({ grammar }) => grammar)).size, 1);
  assert.equal(made(), 1);
});

test("other things go on while a large grammar is made", async () => {
  let isDone = false;
  let others = 0;
  const goOn = (async () => {
    for (; !isDone; await afterThis()) others += 1;
  })();
  await new AnswerGrammars().plan(asked(many), hermes, "a");
  isDone = true;
  await goOn;
  // One would be before it, and one behind it.
  assert.ok(others > 4, `${others} times`);
});

test("a grammar is that of its own request, whatever was asked for before", async () => {
  const grammars = new AnswerGrammars();
  const { grammar: auto } = await grammars.plan(asked([toolOf("f", 1)]), hermes, "a");
  const others: readonly (readonly [Parameters<AnswerGrammars["plan"]>[0], AnswerForm])[] = [
    [asked([toolOf("f", 2)]), hermes],
    [asked([toolOf("g", 1)]), hermes],
    [asked([toolOf("f", 1)], { toolChoice: "required" }), hermes],
    [asked([toolOf("f", 1)]), { ...hermes, startsInReasoning: true }],
    [asked([toolOf("f", 1)]), detectAnswerForm("[TOOL_CALLS]", "")],
  ];
  const found = new Set([auto]);
  for (const [request, form] of others) found.add((await grammars.plan(request, form, "b")).grammar);
  assert.equal(found.size, 1 + others.length);
  const { strict: _, ...free } = toolOf("f", 1);
  assert.equal((await grammars.plan(asked([free]), hermes, "b")).grammar, null);
});

test("a schema that is refused is refused each time, by the field of its own request", async () => {
  const grammars = new AnswerGrammars();
  const wrong: ToolDefinition = { name: "f", parameters: { not: {} }, strict: "always" };
  for (const parametersField of ["tools[].input_schema", "tools[].input_schema", "tools[].parameters"])
    await assert.rejects(grammars.plan(asked([wrong], { parametersField }), hermes, "a"), {
      code: "invalid_request",
      field: parametersField.replace("[]", "[0]"),
    });
  const withDefault = (value: number | null): ToolDefinition[] => [
    { name: "f", parameters: { type: "object", default: value }, strict: "always" },
  ];
  const deep: unknown = JSON.parse(`${'{"items":'.repeat(20_000)}{}${"}".repeat(20_000)}`);
  const shape = { kind: "schema", schema: deep, field: "output.json_schema" } as const;
  await assert.rejects(grammars.plan(asked([], { shape }), hermes, "a"), { code: "invalid_request" });
  await grammars.plan(asked(withDefault(null)), hermes, "a");
  // JSON would write it as null.
  await assert.rejects(grammars.plan(asked(withDefault(Number.POSITIVE_INFINITY)), hermes, "a"), /no JSON/);
});
