import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as afterThis } from "node:timers/promises";
import type { ToolDefinition } from "@pomona/shared/core/generation";
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

async function timed<Result>(work: () => Promise<Result>): Promise<readonly [Result, tookMs: number]> {
  const beganAtMs = performance.now();
  const result = await work();
  return [result, performance.now() - beganAtMs];
}

test("what was asked for before is not made again, whoever asked", async () => {
  const grammars = new AnswerGrammars();
  const sent = (): ToolDefinition[] => structuredClone(many);
  const [first, firstMs] = await timed(() => grammars.plan(asked(sent()), hermes, "a"));
  const later = [];
  for (let times = 0; times < 5; times += 1) later.push(await timed(() => grammars.plan(asked(sent()), hermes, "b")));
  for (const [plan] of later) assert.deepEqual(plan, first);
  assert.ok(
    Math.min(...later.map(([, tookMs]) => tookMs)) < firstMs / 8,
    `${firstMs} ms, then ${later.map(([, ms]) => ms)}`,
  );
});

test("what is asked for at the same moment is made once", async () => {
  const grammars = new AnswerGrammars();
  const [, aloneMs] = await timed(() => new AnswerGrammars().plan(asked(many), hermes, "a"));
  const [plans, togetherMs] = await timed(() =>
    Promise.all(Array.from({ length: 20 }, (_, index) => grammars.plan(asked(many), hermes, `${index % 3}`))),
  );
  assert.equal(new Set(plans.map(({ grammar }) => grammar)).size, 1);
  assert.ok(togetherMs < 10 * aloneMs, `${togetherMs} ms for twenty, ${aloneMs} ms for one`);
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
  await grammars.plan(asked(withDefault(null)), hermes, "a");
  // JSON would write it as null.
  await assert.rejects(grammars.plan(asked(withDefault(Number.POSITIVE_INFINITY)), hermes, "a"), /no JSON/);
});
