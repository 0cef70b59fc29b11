import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { carryConversation, parseCarried } from "./carried-conversation.ts";

const message = fc.record(
  { role: fc.constantFrom("system", "user", "assistant"), content: fc.string({ unit: "grapheme" }) },
  { noNullPrototype: true },
);

test("what was said comes back as it was", () => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 5 }), (messages) => {
      const numbers = carryConversation(messages) ?? assert.fail();
      assert.ok(numbers.every((number) => Number.isInteger(number) && number >= 0 && number < 2 ** 24));
      assert.deepEqual(parseCarried(numbers), messages);
    }),
  );
});

test("a conversation of 256 KiB is carried, and a longer one is not", () => {
  const content = "a".repeat(2 ** 18 - '[["user",""]]'.length);
  const numbers = carryConversation([{ role: "user", content }]);
  assert.equal(parseCarried(numbers)[0]?.content, content);
  assert.equal(carryConversation([{ role: "user", content: `${content}a` }]), undefined);
});

test("nothing is carried by nothing, and numbers of others are refused", () => {
  for (const nothing of [undefined, null, []]) assert.deepEqual(parseCarried(nothing), []);
  const tool = carryConversation([{ role: "tool", content: "a" }]);
  const others: readonly unknown[] = [
    5,
    "context",
    [1, 2, 3],
    [-1],
    [0.5],
    [2 ** 24],
    ["1"],
    tool,
    carryConversation([])?.map((number) => number + 1),
    Array(87_383).fill(0),
    carryConversation(Array(4097).fill({ role: "user", content: "" })),
  ];
  for (const value of others)
    assert.throws(() => parseCarried(value), { code: "invalid_request", field: "context" }, String(value).slice(0, 80));
});
