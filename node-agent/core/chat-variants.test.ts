import assert from "node:assert/strict";
import { test } from "node:test";
import type { Chat, ChatMessage } from "@pomona/shared/core/generation";
import { chatVariants, withShortIds } from "./chat-variants.ts";

const everything = { tools: true, calls: true, severalCalls: true };
const user = (content: string): ChatMessage => ({ role: "user", content });
const assistant = (content: string): ChatMessage => ({ role: "assistant", content });
const callOf = (id: string, name: string, values = "{}") => ({ id, name, arguments: values });
const tools = [{ name: "time", parameters: { type: "object" } }];

function variants(chat: Chat, knows = everything): Chat[] {
  return [...chatVariants(chat, knows)];
}

/** One message a line. */
function lines({ messages }: Chat): string[] {
  return messages.map(({ role, content, toolCalls = [], toolCallId }) =>
    [
      role,
      content,
      ...toolCalls.map(({ name }) => `+${name}`),
      ...(toolCallId === undefined ? [] : [`@${toolCallId}`]),
    ].join(" "),
  );
}

const twoCalls: Chat = {
  messages: [
    user("When?"),
    { role: "assistant", content: "I look.", toolCalls: [callOf("a", "time"), callOf("b", "add", '{"a": 1}')] },
    { role: "tool", content: "noon", toolCallId: "a" },
    { role: "tool", content: "2", toolCallId: "b" },
    user("Thanks."),
  ],
  tools,
};

test("a conversation comes first as it is", () => {
  assert.equal(variants(twoCalls)[0], twoCalls);
});

test("of several calls in one message each gets its own, before its result", () => {
  assert.deepEqual(lines(variants(twoCalls)[1] ?? assert.fail()), [
    "user When?",
    "assistant I look. +time",
    "tool noon @a",
    "assistant  +add",
    "tool 2 @b",
    "user Thanks.",
  ]);
});

test("a call without a result is not lost, and stands once", () => {
  const three = {
    messages: [
      { role: "assistant", content: "", toolCalls: ["a", "b", "c"].map((id) => callOf(id, id)) },
      { role: "tool", content: "1", toolCallId: "a" },
      { role: "tool", content: "3", toolCallId: "c" },
      { role: "tool", content: "4", toolCallId: "c" },
      user("Go on."),
    ],
  } as const;
  const [first = assert.fail()] = variants(three, { ...everything, severalCalls: false });
  const expected = [
    "assistant  +a",
    "tool 1 @a",
    "assistant  +c",
    "tool 3 @c",
    "tool 4 @c",
    "assistant  +b",
    "user Go on.",
  ];
  assert.deepEqual(lines(first), expected);
});

test("a template that knows one call gets one at once", () => {
  const [first = assert.fail()] = variants(twoCalls, { ...everything, severalCalls: false });
  assert.deepEqual(lines(first).slice(1, 4), ["assistant I look. +time", "tool noon @a", "assistant  +add"]);
});

test("of the system there is one message, and what it says later is told by the user", () => {
  const system = (content: string): ChatMessage => ({ role: "system", content });
  const chat = { messages: [system("a"), system("b"), user("c"), assistant("d"), system("e"), user("f")] };
  const all = variants(chat).map(lines);
  assert.deepEqual(all[0], lines(chat));
  assert.deepEqual(all[1], ["system a\n\nb", "user c", "assistant d", "user e", "user f"]);
});

test("what a template takes as it is has no other form but one without the system", () => {
  const chat = { messages: [{ role: "system", content: "a" } as const, user("b"), assistant("c"), user("d")] };
  assert.deepEqual(variants(chat).map(lines), [lines(chat), ["user a\n\nb", "assistant c", "user d"]]);
});

test("users and assistants come by turns: neighbours are joined, empty answers go, and the user is first", () => {
  const system: ChatMessage = { role: "system", content: "S" };
  const chat = {
    messages: [system, assistant("Welcome."), user("a"), assistant(""), user("b"), assistant("c"), assistant("d")],
  };
  const all = variants(chat).map(lines);
  assert.ok(all.some((one) => one.join("|") === "system S|user |assistant Welcome.|user a\n\nb|assistant c\n\nd"));
  const swapped = { messages: [assistant("Welcome."), user("a"), user("b")] };
  assert.ok(variants(swapped).some((one) => lines(one).join("|") === "user |assistant Welcome.|user a\n\nb"));
  assert.ok(all.some((one) => one.join("|") === "user S\n\n|assistant Welcome.|user a\n\nb|assistant c\n\nd"));
});

test("a template that knows no tools is told of them, of calls and of results in words", () => {
  const [first = assert.fail()] = variants(twoCalls, { ...everything, tools: false, calls: false });
  assert.equal(first.tools, undefined);
  const [system, ...others] = lines(first);
  assert.match(system ?? "", /^system You may call a tool.*"name":"time"/s);
  assert.deepEqual(others, [
    "user When?",
    'assistant I look.\n\n{"name": "time", "arguments": {}}\n\n{"name": "add", "arguments": {"a": 1}}',
    "user Result of the tool time:\nnoon",
    "user Result of the tool add:\n2",
    "user Thanks.",
  ]);
});

test("a template that knows tools, but no calls, gets the calls in words and the results as they are", () => {
  const [first = assert.fail()] = variants(twoCalls, { ...everything, calls: false });
  assert.deepEqual(first.tools, tools);
  assert.deepEqual(lines(first).slice(1, 3), [
    'assistant I look.\n\n{"name": "time", "arguments": {}}\n\n{"name": "add", "arguments": {"a": 1}}',
    "tool noon @a",
  ]);
});

test("where all else is refused, words are the last form that is tried", () => {
  const last = variants(twoCalls).at(-1) ?? assert.fail();
  assert.deepEqual(
    last.messages.map(({ role }) => role),
    ["user", "assistant", "user"],
  );
});

test("ids become nine letters and digits, the same at the call and at its result", () => {
  const long = "call_0123456789abcdef";
  const { messages } = withShortIds({
    messages: [
      { role: "assistant", content: "", toolCalls: [callOf(long, "time"), callOf("abcDEF012", "add")] },
      { role: "tool", content: "noon", toolCallId: long },
      { role: "tool", content: "2", toolCallId: "abcDEF012" },
    ],
  });
  const ids = messages[0]?.toolCalls?.map(({ id }) => id) ?? [];
  assert.match(ids[0] ?? "", /^[a-z0-9]{9}$/);
  assert.equal(ids[1], "abcDEF012");
  assert.deepEqual([messages[1]?.toolCallId, messages[2]?.toolCallId], ids);
});
