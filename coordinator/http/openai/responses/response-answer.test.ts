import assert from "node:assert/strict";
import { test } from "node:test";
import { PomonaError } from "@pomona/shared/core/errors";
import type { FinishReason } from "@pomona/shared/core/generation";
import type { OutputDelta } from "@pomona/shared/core/output/output-delta";
import type { AnswerEnding } from "../../../core/generation-request.ts";
import { AnswerCollector, type AnswerHead, type Frame, type OutputEvent } from "../../answers/api-answer.ts";
import { readThoughts } from "./item.ts";
import { responsesAnswer } from "./response-answer.ts";
import type { ResponseSettings } from "./response-object.ts";

const requestId = "ab".repeat(16);
const head: AnswerHead = { requestId, createdAtMs: 1_700_000_000_400, model: "m" };
const settings: ResponseSettings = {
  echo: { metadata: {} },
  sendsOpaqueThoughts: false,
  thoughtsAreSummary: false,
  namespaced: new Map(),
};

const bound = { kind: "bound", nodeId: "n", epoch: 1, queueMs: 0, promptTokens: 7, seed: 1, isExact: true } as const;

function ending(reason: FinishReason = "stop"): AnswerEnding {
  const usage = { promptTokens: 7, cachedPromptTokens: 3, generatedTokens: 5 };
  return { reason, failure: null, stopString: null, usage, timings: { queueMs: 300, prefillMs: 200, decodeMs: 200 } };
}

function outputs(...events: readonly (readonly OutputDelta[])[]): OutputEvent[] {
  return events.map((deltas, lastIndex) => ({ kind: "output", deltas, lastIndex, tokens: null }));
}

const text = (piece: string): OutputDelta => ({ kind: "text", text: piece });
const thought = (piece: string): OutputDelta => ({ kind: "reasoning", text: piece });
const callOf = (index: number, isComplete = true): readonly OutputDelta[] => [
  { kind: "toolCallBegin", index, name: "f" },
  { kind: "toolCallArguments", index, text: '{"a":' },
  { kind: "toolCallArguments", index, text: "1}" },
  { kind: "toolCallEnd", index, isComplete },
];

type Data = Readonly<Record<string, unknown>> & { readonly type: string };

/** What the frames say; their names and numbers are checked for all of them. */
function told(frames: readonly Frame[]): Data[] {
  assert.equal(frames.at(-1)?.data, "[DONE]");
  return frames.slice(0, -1).map(({ event, data }, index) => {
    assert.ok(typeof data === "object" && "type" in data && "sequence_number" in data);
    assert.deepEqual([event, data.sequence_number], [data.type, index]);
    const { sequence_number, ...rest } = structuredClone(data);
    return rest as unknown as Data;
  });
}

function streamed(events: readonly OutputEvent[], reason?: FinishReason, asked = settings): Data[] {
  const stream = responsesAnswer(asked).stream(head);
  const frames = [...stream.begin(0, bound), ...events.flatMap((event) => stream.output(0, event))];
  return told([...frames, ...stream.end(0, ending(reason)), ...stream.finish()]);
}

function whole(events: readonly OutputEvent[], reason?: FinishReason, asked = settings): object {
  const collector = new AnswerCollector(requestId, 0);
  for (const event of events) collector.add(event);
  return responsesAnswer(asked).whole(head, [collector.finish(ending(reason))]);
}

function typesOf(data: readonly Data[]): string[] {
  return data.map(({ type }) => type.replace("response.", ""));
}

const begin = ["created", "in_progress"];
const message = ["output_item.added", "content_part.added", "output_text.delta"];
const messageEnd = ["output_text.done", "content_part.done", "output_item.done"];
const thoughts = ["output_item.added", "content_part.added", "reasoning_text.delta"];
const thoughtsEnd = ["reasoning_text.done", "content_part.done", "output_item.done"];
const called = "function_call_arguments";
const call = ["output_item.added", `${called}.delta`, `${called}.delta`, `${called}.done`, "output_item.done"];

test("an answer of text is one message, step by step", () => {
  const data = streamed(outputs([text("Hel")], [text("lo")]));
  assert.deepEqual(typesOf(data), [...begin, ...message, "output_text.delta", ...messageEnd, "completed"]);
  const id = `msg_${requestId}0000`;
  const place = { item_id: id, output_index: 0, content_index: 0 };
  const part = { type: "output_text", text: "Hello", annotations: [], logprobs: [] };
  const item = { type: "message", id, status: "completed", role: "assistant", phase: "final_answer", content: [part] };
  assert.deepEqual(data.slice(2, 5), [
    {
      type: "response.output_item.added",
      output_index: 0,
      item: { type: "message", id, status: "in_progress", role: "assistant", content: [] },
    },
    { type: "response.content_part.added", ...place, part: { ...part, text: "" } },
    { type: "response.output_text.delta", ...place, delta: "Hel", logprobs: [] },
  ]);
  assert.deepEqual(data.slice(6), [
    { type: "response.output_text.done", ...place, text: "Hello", logprobs: [] },
    { type: "response.content_part.done", ...place, part },
    { type: "response.output_item.done", output_index: 0, item },
    {
      type: "response.completed",
      response: {
        id: `resp_${requestId}`,
        object: "response",
        created_at: 1_700_000_000,
        status: "completed",
        completed_at: 1_700_000_001,
        error: null,
        incomplete_details: null,
        model: "m",
        metadata: {},
        output: [item],
        usage: {
          input_tokens: 7,
          input_tokens_details: { cached_tokens: 3, cache_write_tokens: 0 },
          output_tokens: 5,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens: 12,
        },
      },
    },
  ]);
});

test("thoughts are an item before the message, and their tokens are counted", () => {
  const events = outputs([thought("Let me ")], [thought("see.")], [text("Yes.")]);
  const data = streamed(events);
  const steps = [...thoughts, "reasoning_text.delta", ...thoughtsEnd, ...message, ...messageEnd];
  assert.deepEqual(typesOf(data), [...begin, ...steps, "completed"]);
  assert.deepEqual(data.find(({ item }) => item !== undefined)?.["item"], {
    type: "reasoning",
    id: `rs_${requestId}0000`,
    status: "in_progress",
    summary: [],
    content: [],
  });
  const { output, usage } = responseOf(data);
  assert.deepEqual(output[0], {
    type: "reasoning",
    id: `rs_${requestId}0000`,
    status: "completed",
    summary: [],
    content: [{ type: "reasoning_text", text: "Let me see." }],
  });
  assert.deepEqual(usage.output_tokens_details, { reasoning_tokens: 2 });
});

test("where a summary is wanted the thoughts are it, and stand nowhere else", () => {
  const events = outputs([thought("Let me ")], [thought("see.")], [text("Yes.")]);
  const asked = { ...settings, thoughtsAreSummary: true };
  const data = streamed(events, "stop", asked);
  const summary = ["output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta"];
  const summaryEnd = ["reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done"];
  const steps = [...summary, "reasoning_summary_text.delta", ...summaryEnd, ...message, ...messageEnd];
  assert.deepEqual(typesOf(data), [...begin, ...steps, "completed"]);
  const id = `rs_${requestId}0000`;
  const place = { item_id: id, output_index: 0, summary_index: 0 };
  assert.deepEqual(data.slice(3, 9), [
    { type: "response.reasoning_summary_part.added", ...place, part: { type: "summary_text", text: "" } },
    { type: "response.reasoning_summary_text.delta", ...place, delta: "Let me " },
    { type: "response.reasoning_summary_text.delta", ...place, delta: "see." },
    { type: "response.reasoning_summary_text.done", ...place, text: "Let me see." },
    { type: "response.reasoning_summary_part.done", ...place, part: { type: "summary_text", text: "Let me see." } },
    {
      type: "response.output_item.done",
      output_index: 0,
      item: {
        type: "reasoning",
        id,
        status: "completed",
        summary: [{ type: "summary_text", text: "Let me see." }],
        content: [],
      },
    },
  ]);
  assert.deepEqual(whole(events, "stop", asked), data.at(-1)?.["response"]);
});

type Shown = {
  readonly status: string;
  readonly output: readonly Readonly<Record<string, unknown>>[];
  readonly usage: { readonly output_tokens_details: object };
};

function responseOf(data: readonly Data[]): Shown {
  // The shape is what is asserted next.
  return data.at(-1)?.["response"] as Shown;
}

test("thoughts come in an opaque form as well where they are asked for, and can be read again", () => {
  const data = streamed(outputs([thought("Äh.")]), "stop", { ...settings, sendsOpaqueThoughts: true });
  const opaque = responseOf(data).output[0]?.["encrypted_content"];
  assert.equal(readThoughts(String(opaque)), "Äh.");
});

test("each call is an item of its own; what is said before it was no answer yet", () => {
  const data = streamed(outputs([text("I look.")], callOf(0), callOf(1)));
  assert.deepEqual(typesOf(data), [...begin, ...message, ...messageEnd, ...call, ...call, "completed"]);
  const { output } = responseOf(data);
  assert.deepEqual(
    output.map(({ type, phase }) => [type, phase]),
    [
      ["message", "commentary"],
      ["function_call", undefined],
      ["function_call", undefined],
    ],
  );
  assert.deepEqual(output[2], {
    type: "function_call",
    id: `fc_${requestId}0002`,
    status: "completed",
    call_id: `${requestId.slice(0, 6)}001`,
    name: "f",
    arguments: '{"a":1}',
  });
  const done = data.filter(({ type }) => type === "response.function_call_arguments.done");
  const place = { item_id: `fc_${requestId}0001`, output_index: 1 };
  assert.deepEqual(done[0], { type: done[0]?.type, ...place, name: "f", arguments: '{"a":1}' });
});

test("an answer that is cut by its length is incomplete, and so is the item that it was cut in", () => {
  const data = streamed(outputs([text("Hel")]), "length");
  assert.equal(data.at(-1)?.type, "response.incomplete");
  const response = data.at(-1)?.["response"];
  assert.ok(typeof response === "object" && response !== null && "incomplete_details" in response);
  assert.deepEqual(response.incomplete_details, { reason: "max_output_tokens" });
  assert.deepEqual([responseOf(data).status, responseOf(data).output[0]?.["status"]], ["incomplete", "incomplete"]);
  const cutCall = responseOf(streamed(outputs(callOf(0, false)), "length")).output[0];
  assert.equal(cutCall?.["status"], "incomplete");
});

test("a call that its model leaves unfinished is no incomplete item of a response that is completed", () => {
  for (const events of [[callOf(0, false)], [callOf(0, false), [text("Sorry.")]], [callOf(0, false), callOf(1)]]) {
    const data = streamed(outputs(...events));
    const { status, output } = responseOf(data);
    assert.deepEqual([status, output.length], ["completed", events.length]);
    assert.ok(output.every((item) => item["status"] === "completed"));
    assert.deepEqual(whole(outputs(...events)), data.at(-1)?.["response"]);
  }
});

test("an answer that says nothing is an empty message", () => {
  const data = streamed([]);
  const [added, part] = message;
  assert.deepEqual(typesOf(data), [...begin, added, part, ...messageEnd, "completed"]);
});

test("space between parts is no message, and belongs to the message that it leads", () => {
  const typesOfItems = (...events: readonly (readonly OutputDelta[])[]) =>
    responseOf(streamed(outputs(...events))).output.map(({ type }) => type);
  assert.deepEqual(typesOfItems([text("\n")], callOf(0), [text("\n")]), ["function_call"]);
  assert.deepEqual(typesOfItems([thought("a")], [text("\n")], callOf(0)), ["reasoning", "function_call"]);
  assert.deepEqual(typesOfItems([text(" ")]), ["message"]);
  const data = streamed(outputs([text("\n")], [text("a")], [text(" ")]));
  const deltas = data.filter(({ type }) => type === "response.output_text.delta").map(({ delta }) => delta);
  assert.deepEqual(deltas, ["\na", " "]);
});

test("log-probabilities go with the text and with its part", () => {
  const token = { text: Buffer.from("Hi"), logprob: -0.5, top: [{ id: 1, text: Buffer.from("Hi"), logprob: -0.5 }] };
  const [event] = outputs([text("Hi")]);
  assert.ok(event !== undefined);
  const data = streamed([{ ...event, tokens: [token] }]);
  const logged = { token: "Hi", logprob: -0.5, bytes: [72, 105] };
  const expected = [{ ...logged, top_logprobs: [logged] }];
  assert.deepEqual(data.find(({ type }) => type === "response.output_text.delta")?.["logprobs"], expected);
  assert.deepEqual(data.find(({ type }) => type === "response.output_text.done")?.["logprobs"], expected);
  const part = { type: "output_text", text: "Hi", annotations: [], logprobs: expected };
  assert.deepEqual(responseOf(data).output[0]?.["content"], [part]);
  const added = data.find(({ type }) => type === "response.content_part.added")?.["part"];
  assert.deepEqual(added, { type: "output_text", text: "", annotations: [], logprobs: [] });
});

test("a whole answer is the last word of the same answer on its way, however it was cut into pieces", () => {
  const table: readonly (readonly [OutputEvent[], FinishReason])[] = [
    [outputs([text("Hel")], [text("lo")]), "stop"],
    [outputs([thought("a")], [thought("b"), text("c")], callOf(0), callOf(1)), "stop"],
    [outputs(callOf(0), [text("after")]), "stop"],
    [outputs([text("a")], [thought("b")], [text("c")]), "length"],
    [outputs(), "stop"],
  ];
  for (const [events, reason] of table) {
    const response = streamed(events, reason).at(-1)?.["response"];
    assert.deepEqual(structuredClone(whole(events, reason)), response);
    // What is cut off its frames and made again says the same under the same numbers.
    assert.deepEqual(streamed(events, reason), streamed(events, reason));
  }
});

test("what fails in the middle is told as an error and as a failed response, with what was said", () => {
  const stream = responsesAnswer(settings).stream(head);
  const [event] = outputs([text("Hel")]);
  assert.ok(event !== undefined);
  const failed = stream.failed(new PomonaError("node_lost", "the node is gone"));
  assert.deepEqual(typesOf(told(failed)), ["error", "failed"]);
  const later = responsesAnswer(settings).stream(head);
  const frames = [...later.begin(0, bound), ...later.output(0, event)];
  const data = told([...frames, ...later.failed(new PomonaError("node_lost", "the node is gone"))]);
  assert.deepEqual(typesOf(data), [...begin, ...message, "error", "failed"]);
  assert.deepEqual(data.at(-2), {
    type: "error",
    code: "node_lost",
    message: "the node is gone",
    param: null,
    error: { message: "the node is gone", type: "server_error", param: null, code: "node_lost" },
  });
  const response = data.at(-1)?.["response"];
  assert.ok(typeof response === "object" && response !== null && "error" in response);
  assert.deepEqual(response.error, { code: "server_error", message: "the node is gone" });
  assert.deepEqual([responseOf(data).status, responseOf(data).output[0]?.["status"]], ["failed", "incomplete"]);
});
