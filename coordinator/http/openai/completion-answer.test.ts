import assert from "node:assert/strict";
import { test } from "node:test";
import type { LoggedToken } from "../../core/generation-request.ts";
import { AnswerCollector, type OutputEvent } from "../answers/api-answer.ts";
import { completionAnswer } from "./completion-answer.ts";

const requestId = "ab".repeat(16);
const head = { requestId, createdAtMs: 0, model: "m" };
const ending = {
  reason: "stop",
  failure: null,
  usage: { promptTokens: 1, cachedPromptTokens: 0, generatedTokens: 5 },
  timings: { queueMs: 0, prefillMs: 0, decodeMs: 0 },
  stopString: null,
} as const;
const bound = { kind: "bound", nodeId: "n", epoch: 1, queueMs: 0, promptTokens: 1, seed: 1, isExact: true } as const;

const plain = {
  includeUsage: false,
  isObfuscated: false,
  echoes: [""],
  choices: 1,
  tellsLogprobs: true,
  logsPrompt: false,
  maxTokens: 9,
};

function token(text: Uint8Array | string, logprob: number): LoggedToken {
  return { text: Buffer.from(text), logprob, top: [{ id: 1, text: Buffer.from("x"), logprob: -0.5 }] };
}

const smile = Buffer.from("🙂");
/** A character of one token, one of two tokens, and another one. */
const events: readonly OutputEvent[] = [
  { kind: "output", deltas: [{ kind: "text", text: "é" }], lastIndex: 0, tokens: [token("é", -1)] },
  {
    kind: "output",
    deltas: [{ kind: "text", text: "🙂" }],
    lastIndex: 2,
    tokens: [token(smile.subarray(0, 2), -2), token(smile.subarray(2), -3)],
  },
  { kind: "output", deltas: [{ kind: "text", text: "x" }], lastIndex: 3, tokens: [token("x", -0.5)] },
];
const expected = {
  tokens: ["é", "bytes:\\xf0\\x9f", "bytes:\\x99\\x82", "x"],
  token_logprobs: [-1, -2, -3, -0.5],
  top_logprobs: [
    { x: -0.5, é: -1 },
    { x: -0.5, "bytes:\\xf0\\x9f": -2 },
    { x: -0.5, "bytes:\\x99\\x82": -3 },
    { x: -0.5 },
  ],
  text_offset: [2, 3, 3, 4],
};

test("logprobs tell the token that was taken among the likely ones, and offsets in characters, whole and streamed", () => {
  const answer = completionAnswer({ ...plain, echoes: ["a🍎"] });
  const collector = new AnswerCollector(requestId, 0);
  for (const event of events) collector.add(event);
  const { choices } = answer.whole(head, [collector.finish(ending)]) as { choices: object[] };
  assert.deepEqual(choices, [{ index: 0, text: "a🍎é🙂x", logprobs: expected, finish_reason: "stop" }]);
  const stream = answer.stream(head);
  stream.begin(0, bound);
  const streamed = events.flatMap((event) => stream.output(0, event)).map(({ data }) => logprobsOf(data));
  const joined = Object.keys(expected).map((key) => [key, streamed.flatMap((part) => part[key] ?? [])]);
  assert.deepEqual(Object.fromEntries(joined), expected);
});

function logprobsOf(data: unknown): Record<string, unknown[]> {
  const { choices } = data as { choices: { logprobs: Record<string, unknown[]> }[] };
  return choices[0]?.logprobs ?? {};
}

test("of more answers than are asked for the most likely ones are told, of each prompt by itself", () => {
  const answers = [-3, -1, -2, -0.5, -4, -6].map((logprob, choice) => {
    const collector = new AnswerCollector(requestId, choice);
    const text = String(logprob);
    const tokens = choice === 3 ? [] : [token(text, logprob)];
    collector.add({ kind: "output", deltas: [{ kind: "text", text }], lastIndex: 0, tokens });
    return collector.finish(ending);
  });
  const asked = { ...plain, echoes: ["a", "b"], choices: 2, tellsLogprobs: false };
  const { choices, usage } = completionAnswer(asked).whole(head, answers) as { choices: object[]; usage: object };
  const choice = (index: number, text: string) => ({ index, text, logprobs: null, finish_reason: "stop" });
  assert.deepEqual(choices, [choice(0, "a-1"), choice(1, "a-2"), choice(2, "b-4"), choice(3, "b-6")]);
  const prompt_tokens_details = { cached_tokens: 0 };
  assert.deepEqual(usage, { prompt_tokens: 2, completion_tokens: 30, total_tokens: 32, prompt_tokens_details });
});
