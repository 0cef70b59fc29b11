import assert from "node:assert/strict";
import { test } from "node:test";
import { parseChat } from "./request-schema.ts";

const user = { role: "user", content: "hi" };
const begun = { role: "assistant", content: "```python\n" };
const called = { id: "call_1", type: "function", function: { name: "f", arguments: "{}" } };
const ending = (last: object, more: object = {}) => ({ model: "m", messages: [user, last], ...more });

function inputOf(body: object) {
  const { input } = parseChat(body).requests[0];
  assert.ok(input.kind === "chat");
  return { said: input.messages.slice(1), goesOn: input.continuesLast ?? false };
}

test("an answer after a message of the assistant is a new one, as OpenAI has it", () => {
  for (const more of [{}, { continue_final_message: false }, { add_generation_prompt: true }])
    assert.deepEqual(inputOf(ending(begun, more)), { said: [begun], goesOn: false });
  assert.equal(inputOf(ending({ ...begun, prefix: false })).goesOn, false);
});

test("it goes on from that message where it is a prefix, or the final message is to be continued", () => {
  const expected = { said: [begun], goesOn: true };
  assert.deepEqual(inputOf(ending({ ...begun, prefix: true })), expected);
  const dialect = { continue_final_message: true, add_generation_prompt: false };
  assert.deepEqual(inputOf(ending(begun, dialect)), expected);
  assert.deepEqual(inputOf(ending(begun, { continue_final_message: true })), expected);
  const thought = { ...begun, content: "", reasoning_content: "hm", prefix: true };
  assert.deepEqual(inputOf(ending(thought)).said, [{ role: "assistant", content: "", reasoning: "hm" }]);
  assert.deepEqual(inputOf(ending({ ...begun, content: "", prefix: true })), { said: [], goesOn: false });
});

test("what cannot be continued is refused by its name", () => {
  const continued = { continue_final_message: true };
  const table: readonly (readonly [field: string, body: object])[] = [
    ["messages[1].prefix", ending({ ...user, prefix: true })],
    ["messages[1].prefix", ending({ ...user, prefix: false })],
    ["messages[1].prefix", ending({ ...begun, prefix: 1 })],
    ["messages[0].prefix", { model: "m", messages: [{ ...begun, prefix: true }, user] }],
    ["messages[1].prefix", ending({ ...begun, tool_calls: [called], prefix: true })],
    ["continue_final_message", ending(user, continued)],
    ["continue_final_message", ending({ ...begun, tool_calls: [called] }, continued)],
    ["add_generation_prompt", ending(begun, { ...continued, add_generation_prompt: true })],
    ["add_generation_prompt", ending(user, { add_generation_prompt: false })],
  ];
  for (const [field, body] of table)
    assert.throws(() => parseChat(body), { code: "invalid_request", field }, JSON.stringify(body));
});
