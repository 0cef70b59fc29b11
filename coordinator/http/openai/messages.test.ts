import assert from "node:assert/strict";
import { test } from "node:test";
import { parseChat } from "./request-schema.ts";

const chat = { model: "m" };
const called = { id: "call_1", type: "function", function: { name: "f", arguments: "{}" } };

test("an answer may come back with what clients add to it", () => {
  const call = { ...called, index: 0, function: { ...called.function, parsed_arguments: {} } };
  const { requests } = parseChat({ ...chat, messages: [{ role: "assistant", tool_calls: [call], parsed: null }] });
  assert.deepEqual(requests[0].input, {
    kind: "chat",
    messages: [{ role: "assistant", content: "", toolCalls: [{ id: "call_1", name: "f", arguments: "{}" }] }],
  });
});

test("thoughts come back under either of the names that servers have for them", () => {
  const thoughtsOf = (more: object) => {
    const { input } = parseChat({ ...chat, messages: [{ role: "assistant", content: "b", ...more }] }).requests[0];
    return input.kind === "chat" && input.messages[0]?.reasoning;
  };
  assert.equal(thoughtsOf({ reasoning_content: "a" }), "a");
  assert.equal(thoughtsOf({ reasoning: "a", reasoning_content: null }), "a");
  assert.equal(thoughtsOf({ reasoning: null }), undefined);
  // Nothing but thoughts, of an answer that was cut.
  assert.equal(thoughtsOf({ reasoning: "a", content: null }), "a");
});
