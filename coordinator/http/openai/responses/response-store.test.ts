import assert from "node:assert/strict";
import { test } from "node:test";
import type { Item } from "./item.ts";
import { ResponseStore, type StoredResponse } from "./response-store.ts";

const limits = { storedResponsesMax: 3, storedBytesMax: 4000, storedForMs: 1000 };
const name = (digit: number) => `${digit}`.repeat(32);

function stored(digit: number, tenant = "ann", { storedAtMs = 0, length = 10 } = {}): StoredResponse {
  const item = (id: string): Item => ({
    type: "message",
    id,
    status: "completed",
    role: "assistant",
    content: [{ type: "output_text", text: "x".repeat(length), annotations: [], logprobs: [] }],
  });
  const [input, output] = [[item(`msg_${name(digit)}i0000`)], [item(`msg_${name(digit)}0000`)]];
  return { id: `resp_${name(digit)}`, tenant, storedAtMs, response: { output }, input, output };
}

function filled(...responses: readonly StoredResponse[]): ResponseStore {
  const store = new ResponseStore(limits);
  for (const response of responses) store.put(response);
  return store;
}

function heldBy(store: ResponseStore, tenant: string, nowMs = 0): number[] {
  return [1, 2, 3, 4, 5].filter((digit) => store.get(tenant, `resp_${name(digit)}`, nowMs) !== null);
}

test("a response is found by its caller and by nobody else", () => {
  const store = filled(stored(1));
  assert.deepEqual([heldBy(store, "ann"), heldBy(store, "bob")], [[1], []]);
  assert.equal(store.keptFor("bob", 0).conversationOf(`resp_${name(1)}`), null);
  assert.equal(store.keptFor("bob", 0).itemOf(`msg_${name(1)}0000`), null);
  assert.equal(store.delete("bob", `resp_${name(1)}`, 0), false);
  assert.equal(store.delete("ann", `resp_${name(1)}`, 0), true);
  assert.equal(store.delete("ann", `resp_${name(1)}`, 0), false);
  assert.deepEqual(heldBy(store, "ann"), []);
});

test("its conversation is what the model was given, and what it said; each item is found by its id", () => {
  const kept = filled(stored(1)).keptFor("ann", 0);
  const [input, output] = [`msg_${name(1)}i0000`, `msg_${name(1)}0000`];
  assert.deepEqual(
    kept.conversationOf(`resp_${name(1)}`)?.map(({ id }) => id),
    [input, output],
  );
  assert.deepEqual([kept.itemOf(input)?.id, kept.itemOf(output)?.id], [input, output]);
  assert.deepEqual([kept.itemOf(`msg_${name(1)}0001`), kept.itemOf("msg_1"), kept.itemOf("")], [null, null, null]);
});

test("a response is forgotten when its time is over", () => {
  const store = filled(stored(1), stored(2, "ann", { storedAtMs: 600 }));
  assert.deepEqual(heldBy(store, "ann", 1000), [1, 2]);
  assert.deepEqual(heldBy(store, "ann", 1001), [2]);
});

test("where there is no room, whoever has most loses the oldest", () => {
  assert.deepEqual(heldBy(filled(stored(1), stored(2), stored(3), stored(4)), "ann"), [2, 3, 4]);
  const many = filled(stored(1, "bob"), stored(2), stored(3), stored(4));
  assert.deepEqual([heldBy(many, "bob"), heldBy(many, "ann")], [[1], [3, 4]]);
  const large = filled(stored(1), stored(2, "bob", { length: 800 }), stored(3, "bob", { length: 800 }));
  assert.deepEqual([heldBy(large, "ann"), heldBy(large, "bob")], [[1], [3]]);
});

test("what is larger than the whole room is not kept, and throws nothing out", () => {
  assert.deepEqual(heldBy(filled(stored(1), stored(2, "ann", { length: 5000 })), "ann"), [1]);
});

test("a response that is stored again is there once", () => {
  const store = filled(stored(1), stored(2), stored(1), stored(3));
  assert.deepEqual(heldBy(store, "ann"), [1, 2, 3]);
});
