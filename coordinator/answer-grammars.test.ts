import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as afterThis } from "node:timers/promises";
import type { ToolDefinition } from "@pomona/shared/core/generation";
import { compileAnswerInSlices } from "@pomona/shared/core/grammar/compile-answer";
import { type AnswerForm, detectAnswerForm } from "@pomona/shared/core/output/answer-form";
import { AnswerGrammars, type GrammarCaller } from "./answer-grammars.ts";
import { freeOutput, type OutputWish } from "./core/generation-request.ts";

const hermes = detectAnswerForm("<tool_call>", "");

/** A tool that is named by `name`, and has so many properties. */
function toolOf(name: string, properties: number): ToolDefinition {
  const names = Array.from({ length: properties }, (_, index) => `${name} ${index * 7919}`);
  const parameters = { type: "object", properties: Object.fromEntries(names.map((one) => [one, { type: "integer" }])) };
  return { name, parameters, strict: "always" };
}

const by = (tenant: string, signal = new AbortController().signal): GrammarCaller => ({ tenant, signal });

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
  const first = await grammars.plan(asked(sent()), hermes, by("a"));
  for (let times = 0; times < 5; times += 1)
    assert.deepEqual(await grammars.plan(asked(sent()), hermes, by("b")), first);
  assert.equal(made(), 1);
});

test("what is asked for at the same moment is made once", async () => {
  const { grammars, made } = counted();
  const plans = await Promise.all(
    Array.from({ length: 20 }, (_, index) => grammars.plan(asked(many), hermes, by(`${index % 3}`))),
  );
  assert.equal(new Set(plans.map(({ grammar }) => grammar)).size, 1);
  assert.equal(made(), 1);
});

/** Of tools whose names say how many turns they take. */
function slow() {
  const taken = new Map<string, number>();
  const grammars = new AnswerGrammars(function* ({ tools: [tool] }) {
    const name = tool?.name ?? "";
    for (let turn = 0; turn < Number(name.split(" ")[1]); turn += 1) {
      taken.set(name, (taken.get(name) ?? 0) + 1);
      for (const untilMs = performance.now() + 11; performance.now() < untilMs; );
      yield;
    }
    return name;
  });
  return {
    taken,
    plan: (name: string, caller: GrammarCaller) => grammars.plan(asked([toolOf(name, 0)]), hermes, caller),
  };
}

test("what everyone who waited for it has left is not made to its end", async () => {
  const { taken, plan } = slow();
  const [one, other] = [new AbortController(), new AbortController()];
  const left = Promise.allSettled([
    plan("left 1000", by("a", one.signal)),
    plan("half 10", by("a", one.signal)),
    plan("half 10", by("b", other.signal)),
  ]);
  await plan("quick 1", by("a"));
  one.abort(new Error("gone"));
  const [gone, half, whole] = await left;
  assert.match(String([gone, half].map((each) => each?.status === "rejected" && each.reason)), /gone.*gone/);
  assert.deepEqual(whole?.status === "fulfilled" && whole.value.grammar, "half 10");
  assert.ok((taken.get("left 1000") ?? 0) < 5, JSON.stringify([...taken]));
  assert.equal((await plan("left 2", by("a"))).grammar, "left 2");
});

test("nobody waits for what else another client has asked for, although that one has asked for the same", async () => {
  const { taken, plan } = slow();
  const leaving = Array.from({ length: 10 }, () => new AbortController());
  const left = Promise.allSettled(leaving.map(({ signal }, index) => plan(`of-a${index} 30`, by("a", signal))));
  const both = ["a", "b"].map((tenant) => plan("both 10", by(tenant)));
  await Promise.all(both);
  const turns = [...taken.values()].reduce((sum, count) => sum + count, 0);
  assert.ok(turns < 30, `${turns} turns`);
  for (const each of leaving) each.abort();
  await left;
});

test("other things go on while a large grammar is made", async () => {
  let isDone = false;
  let others = 0;
  const goOn = (async () => {
    for (; !isDone; await afterThis()) others += 1;
  })();
  await new AnswerGrammars().plan(asked(many), hermes, by("a"));
  isDone = true;
  await goOn;
  // One would be before it, and one behind it.
  assert.ok(others > 4, `${others} times`);
});

test("a grammar is that of its own request, whatever was asked for before", async () => {
  const grammars = new AnswerGrammars();
  const { grammar: auto } = await grammars.plan(asked([toolOf("f", 1)]), hermes, by("a"));
  const others: readonly (readonly [Parameters<AnswerGrammars["plan"]>[0], AnswerForm])[] = [
    [asked([toolOf("f", 2)]), hermes],
    [asked([toolOf("g", 1)]), hermes],
    [asked([toolOf("f", 1)], { toolChoice: "required" }), hermes],
    [asked([toolOf("f", 1)]), { ...hermes, startsInReasoning: true }],
    [asked([toolOf("f", 1)]), detectAnswerForm("[TOOL_CALLS]", "")],
  ];
  const found = new Set([auto]);
  for (const [request, form] of others) found.add((await grammars.plan(request, form, by("b"))).grammar);
  assert.equal(found.size, 1 + others.length);
  const { strict: _, ...free } = toolOf("f", 1);
  assert.equal((await grammars.plan(asked([free]), hermes, by("b"))).grammar, null);
});

test("a schema that is refused is refused each time, by the field of its own request", async () => {
  const grammars = new AnswerGrammars();
  const wrong: ToolDefinition = { name: "f", parameters: { not: {} }, strict: "always" };
  for (const parametersField of ["tools[].input_schema", "tools[].input_schema", "tools[].parameters"])
    await assert.rejects(grammars.plan(asked([wrong], { parametersField }), hermes, by("a")), {
      code: "invalid_request",
      field: parametersField.replace("[]", "[0]"),
    });
  const withDefault = (value: number | null): ToolDefinition[] => [
    { name: "f", parameters: { type: "object", default: value }, strict: "always" },
  ];
  const deep: unknown = JSON.parse(`${'{"items":'.repeat(20_000)}{}${"}".repeat(20_000)}`);
  const shape = { kind: "schema", schema: deep, field: "output.json_schema" } as const;
  await assert.rejects(grammars.plan(asked([], { shape }), hermes, by("a")), { code: "invalid_request" });
  await grammars.plan(asked(withDefault(null)), hermes, by("a"));
  // JSON would write it as null.
  await assert.rejects(grammars.plan(asked(withDefault(Number.POSITIVE_INFINITY)), hermes, by("a")), /no JSON/);
});
