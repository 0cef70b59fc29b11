import assert from "node:assert/strict";
import { test } from "node:test";
import { PomonaError } from "@pomona/shared/core/errors";
import { AnswerCollector } from "../../answers/api-answer.ts";
import { parseResponses } from "./request-schema.ts";
import { wholeResponse } from "./response-answer.ts";

const kept = { conversationOf: () => null, itemOf: () => null };
const parameters = { type: "object", properties: {} };
const inner = (name: string, more: object = {}) => ({ type: "function", name, parameters, ...more });
const weather = { type: "namespace", name: "mcp__w", description: "What a weather station knows." };
const tools = [
  inner("now"),
  { ...weather, tools: [inner("now", { description: "The weather now." }), inner("soon", { strict: false })] },
];
const parse = (body: object) => parseResponses({ model: "m", input: "hi", ...body }, kept, false);

test("functions of a namespace are told by both names, and what the namespace is once", () => {
  const { request, settings } = parse({ tools });
  assert.ok(request.input.kind === "chat");
  const about = "All functions whose names begin with mcp__w__: What a weather station knows.";
  assert.deepEqual(request.input.tools, [
    { name: "now", parameters, strict: "where-possible" },
    { name: "mcp__w__now", description: `The weather now.\n\n${about}`, parameters, strict: "where-possible" },
    { name: "mcp__w__soon", parameters },
  ]);
  const shown = { type: "function", description: null, parameters, strict: null };
  assert.deepEqual(settings.echo["tools"], [
    { ...shown, name: "now" },
    {
      ...weather,
      tools: [
        { ...shown, name: "now", description: "The weather now." },
        { ...shown, name: "soon", strict: false },
      ],
    },
  ]);
});

test("calls come back with both names apart, and are told together again", () => {
  const { settings } = parse({ tools });
  const head = { requestId: "ab".repeat(16), createdAtMs: 0, model: "m" };
  const collector = new AnswerCollector(head.requestId, 0);
  const called = ["now", "mcp__w__now"].flatMap((name, index) => [
    { kind: "toolCallBegin", index, name } as const,
    { kind: "toolCallArguments", index, text: "{}" } as const,
    { kind: "toolCallEnd", index, isComplete: true } as const,
  ]);
  collector.add({ kind: "output", deltas: called, lastIndex: 0, tokens: null });
  const usage = { promptTokens: 1, cachedPromptTokens: 0, generatedTokens: 1 };
  const timings = { queueMs: 0, prefillMs: 0, decodeMs: 0 };
  const answer = collector.finish({ reason: "stop", failure: null, stopString: null, usage, timings });
  const { output } = wholeResponse(head, settings, [answer]);
  const names = output.map((item) => (item.type === "function_call" ? [item.namespace, item.name] : []));
  assert.deepEqual(names, [
    [undefined, "now"],
    ["mcp__w", "now"],
  ]);
  const results = output.flatMap((item) =>
    item.type === "function_call" ? [{ type: "function_call_output", call_id: item.call_id, output: "21" }] : [],
  );
  const [first, second] = results;
  const after = parse({ tools, input: [...output, first, { ...second, name: "now", namespace: "mcp__w" }] });
  assert.ok(after.request.input.kind === "chat");
  assert.deepEqual(
    after.request.input.messages[0]?.toolCalls?.map(({ name }) => name),
    ["now", "mcp__w__now"],
  );
  const [, , , last] = after.conversation;
  assert.deepEqual(last, { ...second, id: "", status: "completed", name: "now", namespace: "mcp__w" });
});

test("a function of a namespace is chosen by both names", () => {
  const { output } = parse({ tools, tool_choice: { type: "function", name: "mcp__w__soon" } }).request;
  assert.deepEqual(output.toolChoice, { name: "mcp__w__soon" });
});

test("what cannot be in a namespace, or be one, is refused by its name", () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => inner(`f${index}`));
  const refused: readonly (readonly [field: string, tools: unknown])[] = [
    ["tools[0].name", [{ ...weather, name: "a b", tools: [inner("f")] }]],
    ["tools[0].description", [{ type: "namespace", name: "n", tools: [inner("f")] }]],
    ["tools[0].tools", [weather]],
    ["tools[0].tools", [{ ...weather, tools: [] }]],
    ["tools[0].tools", [{ ...weather, tools: many(513) }]],
    ["tools", [{ ...weather, tools: many(500) }, ...many(13)]],
    ["tools[0].tools[0].type", [{ ...weather, tools: [{ type: "custom", name: "f" }] }]],
    ["tools[0].tools[0].type", [{ ...weather, tools: [{ ...weather, tools: [inner("f")] }] }]],
    ["tools[0].tools[0].defer_loading", [{ ...weather, tools: [inner("f", { defer_loading: true })] }]],
    ["tools[0].tools[1]", [{ ...weather, tools: [inner("f"), inner("f")] }]],
    ["tools[1]", [{ ...weather, tools: [inner("f")] }, inner("mcp__w__f")]],
  ];
  for (const [field, wrong] of refused)
    assert.throws(
      () => parse({ tools: wrong }),
      (error) => error instanceof PomonaError && error.field === field,
      field,
    );
});
