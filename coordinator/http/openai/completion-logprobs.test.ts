import assert from "node:assert/strict";
import { test } from "node:test";
import { type PromptToken, packPrompt } from "@pomona/shared/core/prompt-logprobs";
import type { LoggedToken } from "../../core/generation-request.ts";
import { AnswerCollector, type CollectedAnswer } from "../answers/api-answer.ts";
import { type CompletionOptions, completionAnswer } from "./completion-answer.ts";
import { parseCompletion } from "./request-schema.ts";

const requestId = "ab".repeat(16);
const head = { requestId, createdAtMs: 0, model: "m" };
const ending = {
  reason: "length",
  failure: null,
  usage: { promptTokens: 4, cachedPromptTokens: 0, generatedTokens: 1 },
  timings: { queueMs: 0, prefillMs: 0, decodeMs: 0 },
  stopString: null,
} as const;
const bound = { kind: "bound", nodeId: "n", epoch: 1, queueMs: 0, promptTokens: 4, seed: 1, isExact: true } as const;
const options: CompletionOptions = {
  ...{ includeUsage: false, isObfuscated: false, choices: 1, tellsLogprobs: true, logsPrompt: true, maxTokens: 1 },
  echoes: ["é b"],
};

function row(text: string | Uint8Array, logprob: number | null, others: readonly [string, number][] = []): PromptToken {
  const top = others.map(([other, value]) => ({ id: 1, text: Buffer.from(other), logprob: value }));
  return { id: 2, text: Buffer.from(text), logprobs: logprob === null ? null : { logprob, top } };
}

/** A mark of the beginning, a space that the tokenizer adds, and a character in two tokens. */
const rows = [
  row("", null),
  row(Buffer.from(" \xc3", "latin1"), -3, [["x", -0.1]]),
  row(Buffer.from("\xa9", "latin1"), -2, [["x", -1]]),
  row(" b", -0.5, [[" b", -0.5]]),
];
const prompt = [packPrompt(0, 1, rows.slice(0, 2)), packPrompt(2, 1, rows.slice(2))];
const answerToken: LoggedToken = {
  text: Buffer.from("!"),
  logprob: -4,
  top: [{ id: 3, text: Buffer.from("?"), logprob: -0.2 }],
};
const output = { kind: "output", deltas: [{ kind: "text", text: "!" }], lastIndex: 0, tokens: [answerToken] } as const;
const expected = {
  tokens: ["", "bytes:\\x20\\xc3", "bytes:\\xa9", " b", "!"],
  token_logprobs: [null, -3, -2, -0.5, -4],
  top_logprobs: [
    null,
    { x: -0.1, "bytes:\\x20\\xc3": -3 },
    { x: -1, "bytes:\\xa9": -2 },
    { " b": -0.5 },
    { "?": -0.2, "!": -4 },
  ],
  text_offset: [0, 0, 0, 1, 3],
};

function collected(pieces = prompt): CollectedAnswer {
  const collector = new AnswerCollector(requestId, 0);
  for (const logprobs of pieces) collector.addPrompt({ kind: "prompt", logprobs });
  collector.add(output);
  return collector.finish(ending);
}

type Choice = { readonly text: string; readonly logprobs: object | null; readonly finish_reason: string | null };

function whole(changes: Partial<CompletionOptions>, answers = [collected()]): { choices: Choice[]; usage: object } {
  const answer = completionAnswer({ ...options, ...changes });
  const text =
    answer.pieces === undefined
      ? JSON.stringify(answer.whole(head, answers))
      : [...answer.pieces(head, answers)].join("");
  return JSON.parse(text) as { choices: Choice[]; usage: object };
}

function streamed(changes: Partial<CompletionOptions>, pieces = prompt) {
  const stream = completionAnswer({ ...options, ...changes }).stream(head);
  const frames = [
    ...stream.begin(0, bound),
    ...pieces.flatMap((logprobs) => stream.prompt?.(0, { kind: "prompt", logprobs }) ?? []),
    ...stream.output(0, output),
    ...stream.end(0, ending),
  ];
  const choices = frames.flatMap(({ data }) => (data as { choices: Choice[] }).choices);
  const logprobs = choices.flatMap((choice) => choice.logprobs ?? []) as Record<string, unknown[]>[];
  return {
    text: choices.map(({ text }) => text).join(""),
    logprobs: allLists(logprobs),
    reason: choices.at(-1)?.finish_reason,
  };
}

function allLists(parts: readonly Record<string, unknown[]>[]) {
  return Object.fromEntries(Object.keys(expected).map((key) => [key, parts.flatMap((part) => part[key] ?? [])]));
}

test("a prompt's tokens stand before those of the answer, in pieces of JSON and streamed, the first one with nulls", () => {
  const { choices } = whole({});
  assert.deepEqual(choices, [{ index: 0, text: "é b!", logprobs: expected, finish_reason: "length" }]);
  assert.deepEqual(streamed({}), { text: "é b!", logprobs: expected, reason: "length" });
});

test("the text of token ids is that of their tokens, with or without figures", () => {
  const text_offset = [0, 0, 1, 2, 4];
  const logprobs = { ...expected, text_offset };
  assert.deepEqual(whole({ echoes: [null] }).choices[0], {
    index: 0,
    text: " é b!",
    logprobs,
    finish_reason: "length",
  });
  assert.deepEqual(streamed({ echoes: [null] }), { text: " é b!", logprobs, reason: "length" });
  const silent = { echoes: [null], tellsLogprobs: false };
  assert.deepEqual(whole(silent).choices[0], { index: 0, text: " é b!", logprobs: null, finish_reason: "length" });
  assert.deepEqual(streamed(silent), { text: " é b!", logprobs: allLists([]), reason: "length" });
});

test("token ids that end within a character say the same whole and streamed, and so do those that begin with a mark of order", () => {
  const cut = [
    packPrompt(0, 0, [row("\uFEFF", null), row("a", -1)]),
    packPrompt(2, 0, [row("b", -1), row(Buffer.from([0xf0, 0x9f]), -1)]),
  ];
  const [choice] = whole({ echoes: [null] }, [collected(cut)]).choices;
  assert.equal(choice?.text, "\uFEFFab\uFFFD!");
  assert.deepEqual(choice?.logprobs, { ...choice?.logprobs, text_offset: [0, 1, 2, 3, 4] });
  const { text, logprobs } = streamed({ echoes: [null] }, cut);
  assert.deepEqual({ text, logprobs }, { text: choice?.text, logprobs: choice?.logprobs });
});

test("of a request for no tokens the answer is left out", () => {
  const { choices, usage } = whole({ maxTokens: 0 });
  const logprobs = Object.fromEntries(Object.entries(expected).map(([key, list]) => [key, list.slice(0, -1)]));
  assert.deepEqual(choices, [{ index: 0, text: "é b", logprobs, finish_reason: "length" }]);
  assert.deepEqual(streamed({ maxTokens: 0 }), { text: "é b", logprobs, reason: "length" });
  assert.deepEqual(usage, {
    ...{ prompt_tokens: 4, completion_tokens: 0, total_tokens: 4 },
    prompt_tokens_details: { cached_tokens: 0 },
  });
});

test("several prompts have lists of their own", () => {
  const { choices } = whole({ echoes: ["é b", null] }, [collected(), collected()]);
  assert.deepEqual(
    choices.map(({ text }) => text),
    ["é b!", " é b!"],
  );
});

test("of tokens that are written alike the likeliest counts: whether the best one was taken can be seen", () => {
  const alike = [row("", null), row("a", -3, [["a", -0.1]])];
  const collector = new AnswerCollector(requestId, 0);
  collector.addPrompt({ kind: "prompt", logprobs: packPrompt(0, 1, alike) });
  collector.add(output);
  const { logprobs } = whole({}, [collector.finish(ending)]).choices[0] ?? {};
  assert.deepEqual((logprobs as { top_logprobs: object[] }).top_logprobs[1], { a: -0.1 });
});

test("log-probabilities of the prompt are asked for where it is echoed with them, or only its tokens say its text", () => {
  const outputOf = (more: object) => {
    const { topLogprobs, logsPrompt } = parseCompletion({ model: "m", prompt: "a", ...more }).requests[0].output;
    return [topLogprobs, logsPrompt];
  };
  assert.deepEqual(outputOf({ logprobs: 2 }), [2, false]);
  assert.deepEqual(outputOf({ echo: true }), [null, false]);
  assert.deepEqual(outputOf({ echo: true, logprobs: 2 }), [2, true]);
  assert.deepEqual(outputOf({ echo: true, prompt: [1, 2] }), [0, true]);
});
