// The cases of the compliance suite of https://www.openresponses.org that need neither a WebSocket, compaction nor vision.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  front,
  giving,
  inputItems,
  question,
  type Shown,
  streamed,
  weather,
  whole,
} from "../support/responses-front.ts";

/** What `ResponseResource` of Open Responses always has. */
const always = (
  "id object created_at completed_at status incomplete_details model previous_response_id instructions output error tools " +
  "tool_choice truncation parallel_tool_calls text top_p presence_penalty frequency_penalty top_logprobs temperature " +
  "reasoning usage max_output_tokens max_tool_calls store background service_tier metadata safety_identifier prompt_cache_key"
).split(" ");

function assertResource(response: Shown): void {
  for (const field of always) assert.ok(response[field] !== undefined, `${field} is missing`);
  assert.match(response.id, /^resp_[0-9a-f]{32}$/);
  assert.ok(Number.isInteger(response["created_at"]));
  assert.ok(response.output.length > 0);
  for (const { id } of response.output) assert.match(id, /^[a-z]+_[0-9a-f]{36}$/);
}

test("basic response", async (t) => {
  const { url } = await front(t);
  const input = [{ type: "message", role: "user", content: "Say hello in exactly 3 words." }];
  const response = await whole(url, { model: "tiny", input });
  assertResource(response);
  assert.equal(response.status, "completed");
});

test("streaming response", async (t) => {
  const { url } = await front(t);
  const input = [{ type: "message", role: "user", content: "Count from 1 to 5." }];
  const { events, last } = await streamed(url, { model: "tiny", input });
  assertResource(last);
  assert.equal(last.status, "completed");
  assert.deepEqual(
    events.map(({ type }) => type.replace("response.", "")),
    [
      ...["created", "in_progress", "output_item.added", "content_part.added"],
      ...["output_text.delta", "output_text.delta", "output_text.delta"],
      ...["output_text.done", "content_part.done", "output_item.done", "completed"],
    ],
  );
  assert.equal(events.map(({ delta = "" }) => delta).join(""), "Hello 🍎");
});

test("system prompt", async (t) => {
  const { url, gateway } = await front(t);
  const input = [
    { type: "message", role: "system", content: "You are a pirate." },
    { type: "message", role: "user", content: "Say hello." },
  ];
  const response = await whole(url, { model: "tiny", input });
  assertResource(response);
  const asked = gateway.requests[0]?.input;
  assert.ok(asked?.kind === "chat");
  assert.deepEqual(
    asked.messages.map(({ role }) => role),
    ["system", "user"],
  );
});

test("multi-turn", async (t) => {
  const { url, gateway } = await front(t);
  const input = [
    { type: "message", role: "user", content: "My name is Alice." },
    { type: "message", role: "assistant", content: "Hello Alice! Nice to meet you." },
    { type: "message", role: "user", content: "What is my name?" },
  ];
  assertResource(await whole(url, { model: "tiny", input }));
  const asked = gateway.requests[0]?.input;
  assert.ok(asked?.kind === "chat");
  assert.deepEqual(
    asked.messages.map(({ role }) => role),
    ["user", "assistant", "user"],
  );
});

test("tool calling, whole and streamed", async (t) => {
  const { url } = await front(t);
  const asked = { model: "calling", input: [{ type: "message", role: "user", content: question }], tools: [weather] };
  const response = await whole(url, asked);
  assertResource(response);
  const [call] = response.output;
  assert.deepEqual([call?.type, call?.["name"]], ["function_call", "get_weather"]);
  const { events, last } = await streamed(url, asked);
  assert.equal(last.output[0]?.["arguments"], '{"location":"San Francisco"}');
  assert.deepEqual(
    events.slice(2, -1).map(({ type, item }) => [type.replace("response.", ""), typeof item === "object"]),
    [
      ["output_item.added", true],
      ["function_call_arguments.delta", false],
      ["function_call_arguments.delta", false],
      ["function_call_arguments.done", false],
      ["output_item.done", true],
    ],
  );
});

test("assistant message phase", async (t) => {
  const { url } = await front(t);
  const input = [
    { type: "message", role: "assistant", phase: "commentary", content: "I should answer with the saved number." },
    { type: "message", role: "assistant", phase: "final_answer", content: "The number is four." },
    { type: "message", role: "user", content: "Repeat only the number." },
  ];
  const response = await whole(url, { model: "tiny", input });
  assertResource(response);
  const page = await inputItems(url, response, "order=asc");
  assert.deepEqual(
    page.data.map(({ phase }) => phase),
    ["commentary", "final_answer", undefined],
  );
});

test("response output phase", async (t) => {
  const both = giving(
    { kind: "text", text: "I look." },
    { kind: "reasoning", text: "It is four." },
    { kind: "text", text: "Four." },
  );
  const { url } = await front(t, { models: { both } });
  const { output } = await whole(url, { model: "both", input: "hi" });
  assert.deepEqual(
    output.map(({ type, phase }) => [type, phase]),
    [
      ["message", "commentary"],
      ["reasoning", undefined],
      ["message", "final_answer"],
    ],
  );
});
