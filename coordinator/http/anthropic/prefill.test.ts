import assert from "node:assert/strict";
import { test } from "node:test";
import { toPomonaError } from "@pomona/shared/core/errors";
import { parseCountTokens, parseMessagesRequest } from "./messages-request.ts";

const user = { role: "user", content: "hi" };
const text = { type: "text", text: "{" };
const thought = { type: "thinking", thinking: "hm", signature: "" };
const thinking = { thinking: { type: "enabled", budget_tokens: 1024 } };

/** A request whose last message is the assistant's. */
const ending = (content: unknown, more: object = {}) => ({
  model: "m",
  max_tokens: 2000,
  messages: [user, { role: "assistant", content }],
  ...more,
});

function inputOf(body: object) {
  const { input } = parseMessagesRequest(body).requests[0];
  assert.ok(input.kind === "chat");
  return { said: input.messages.slice(1), goesOn: input.continuesLast ?? false };
}

test("the answer goes on from what the assistant says last, its turns as one", () => {
  const begun = { role: "assistant", content: "{" };
  for (const content of ["{", [text]]) assert.deepEqual(inputOf(ending(content)), { said: [begun], goesOn: true });
  const turns = [user, { role: "assistant", content: "Here:" }, { role: "assistant", content: [text] }];
  assert.deepEqual(inputOf(ending("", { messages: turns })).said, [{ role: "assistant", content: "Here:\n{" }]);
  const behind = inputOf(ending([thought, text], thinking));
  assert.deepEqual(behind, { said: [{ ...begun, reasoning: "hm" }], goesOn: true });
});

test("a last message that is empty begins nothing, and no other may be empty", () => {
  for (const content of ["", []]) assert.deepEqual(inputOf(ending(content)), { said: [], goesOn: false });
  const messages = [user, { role: "assistant", content: "" }, user];
  assert.throws(() => parseMessagesRequest(ending("", { messages })), { field: "messages[1].content" });
});

test("what is counted is the prompt whose end is the beginning of the answer", () => {
  const { max_tokens: _, ...counted } = ending("{");
  const { input } = parseCountTokens(counted);
  assert.ok(input.kind === "chat" && input.continuesLast === true);
  // Nothing is answered: a call may be counted before its result is there.
  const call = { type: "tool_use", id: "a", name: "f", input: {} };
  const open = parseCountTokens({ ...counted, messages: [user, { role: "assistant", content: [text, call] }] }).input;
  assert.ok(open.kind === "chat" && open.continuesLast === undefined);
});

test("what the API refuses of a last message is refused in its words", () => {
  const table: readonly (readonly [body: object, field: string, words: RegExp])[] = [
    [ending("{ "), "messages[1].content", /final assistant content cannot end with trailing whitespace/],
    [ending([text, { ...text, text: "a\n" }]), "messages[1].content", /cannot end with trailing whitespace/],
    [
      ending("{", { output_config: { format: { type: "json_schema", schema: { type: "object" } } } }),
      "output_config.format.schema",
      /message prefilling is incompatible with JSON outputs/,
    ],
    [
      ending("{", thinking),
      "messages[1].content[0].type",
      /Expected `thinking` or `redacted_thinking`, but found `text`. When `thinking` is enabled, a final `assistant`/,
    ],
    [ending("{", { thinking: { type: "adaptive" } }), "messages[1].content[0].type", /disable `thinking`/],
    [
      ending([thought, text]),
      "messages[1].content[0]",
      /When thinking is disabled, an `assistant` message in the final position cannot contain `thinking`/,
    ],
    [
      ending([thought], thinking),
      "messages[1].content[0]",
      /The final block in an assistant message cannot be `thinking`/,
    ],
  ];
  for (const [body, field, words] of table) {
    assert.throws(
      () => parseMessagesRequest(body),
      (thrown: unknown) => {
        const error = toPomonaError(thrown);
        assert.deepEqual([error.code, error.field], ["invalid_request", field]);
        assert.match(error.message, words);
        return true;
      },
    );
  }
});
