import assert from "node:assert/strict";
import { test } from "node:test";
import type { OutputDelta } from "@pomona/shared/core/output/output-delta";
import { AnswerCollector, type OutputEvent } from "../answers/api-answer.ts";
import { chatAnswer } from "./chat-answer.ts";

const requestId = "ab".repeat(16);
const head = { requestId, createdAtMs: 0, model: "m" };
const ending = {
  reason: "stop",
  failure: null,
  usage: { promptTokens: 4, cachedPromptTokens: 1, generatedTokens: 9 },
  timings: { queueMs: 0, prefillMs: 0, decodeMs: 0 },
  stopString: null,
} as const;
const bound = { kind: "bound", nodeId: "n", epoch: 1, queueMs: 0, promptTokens: 4, seed: 1, isExact: true } as const;
const plain = { includeUsage: true, isObfuscated: false, namesTier: false, callsAreFunctions: false };

/** Thoughts of three tokens, and a call. */
const events = [
  event([{ kind: "reasoning", text: "Hm." }], 2),
  event([{ kind: "toolCallBegin", index: 0, name: "f" }], 3),
  event([{ kind: "toolCallArguments", index: 0, text: '{"a": 1}' }], 7),
  event([{ kind: "toolCallEnd", index: 0, isComplete: true }], 8),
];

function event(deltas: readonly OutputDelta[], lastIndex: number): OutputEvent {
  return { kind: "output", deltas, lastIndex, tokens: null };
}

type Message = { tool_calls?: { id: string }[]; function_call?: object };
type Choice = { index: number; message: Message; delta: Message; finish_reason: string | null };
type Answer = { choices: Choice[]; usage?: object; service_tier?: string; obfuscation?: string };

function whole(choices: number, options = plain): Answer {
  const answers = Array.from({ length: choices }, (_, choice) => {
    const collector = new AnswerCollector(requestId, choice);
    for (const each of events) collector.add(each);
    return collector.finish(ending);
  });
  return chatAnswer(options).whole(head, answers) as Answer;
}

function streamed(choices: number, options = plain): Answer[] {
  const stream = chatAnswer(options).stream(head);
  const frames = Array.from({ length: choices }, (_, choice) => [
    ...stream.begin(choice, bound),
    ...events.flatMap((each) => stream.output(choice, each)),
    ...stream.end(choice, ending),
  ]).flat();
  return [...frames, ...stream.finish()].flatMap(({ data }) => (data === "[DONE]" ? [] : [data as Answer]));
}

test("calls of every choice have ids of their own, the same ones whole and streamed", () => {
  const ids = whole(3).choices.flatMap(({ message }) => message.tool_calls?.map(({ id }) => id) ?? []);
  const parts = streamed(3).flatMap(({ choices }) => choices);
  const told = parts.flatMap(({ delta }) => delta.tool_calls?.flatMap(({ id }) => id ?? []) ?? []);
  assert.deepEqual(told, ids);
  assert.equal(new Set(ids).size, 3);
  for (const id of ids) assert.match(id, /^[0-9a-z]{9}$/);
});

test("usage tells how many tokens were thoughts, whole and streamed", () => {
  const usage = {
    prompt_tokens: 4,
    completion_tokens: 18,
    total_tokens: 22,
    prompt_tokens_details: { cached_tokens: 1 },
    completion_tokens_details: { reasoning_tokens: 6 },
  };
  assert.deepEqual(whole(2).usage, usage);
  assert.deepEqual(streamed(2).at(-1)?.usage, usage);
});

test("an answer says by which tier it was served where the request names one", () => {
  const named = { ...plain, namesTier: true };
  assert.equal(whole(1, named).service_tier, "default");
  for (const chunk of streamed(1, named)) assert.equal(chunk.service_tier, "default");
  for (const answer of [whole(1), ...streamed(1)]) assert.ok(!("service_tier" in answer));
});

test("whoever sent functions is told of a call as function_call", () => {
  const older = { ...plain, callsAreFunctions: true };
  const { choices } = whole(1, older);
  const call = { name: "f", arguments: '{"a": 1}' };
  assert.deepEqual([choices[0]?.message.function_call, choices[0]?.finish_reason], [call, "function_call"]);
  assert.ok(!("tool_calls" in (choices[0]?.message ?? {})));
  const parts = streamed(1, older).flatMap((chunk) => chunk.choices);
  const told = parts.flatMap(({ delta }) => delta.function_call ?? []);
  assert.deepEqual(told, [{ name: "f", arguments: "" }, { arguments: '{"a": 1}' }]);
  assert.equal(parts.at(-1)?.finish_reason, "function_call");
});

test("chunks are filled up to a few sizes where a request wants that", () => {
  for (const { choices, obfuscation } of streamed(1, { ...plain, isObfuscated: true }))
    assert.equal((JSON.stringify(choices).length + (obfuscation?.length ?? 0)) % 64, 0);
  for (const chunk of streamed(1)) assert.ok(!("obfuscation" in chunk));
});
