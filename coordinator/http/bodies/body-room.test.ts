import assert from "node:assert/strict";
import { test } from "node:test";
import { BodyRoom } from "./body-room.ts";

test("one client has half of the room, all of them have the whole, and what is given back is there again", () => {
  const room = new BodyRoom(100);
  const full = { code: "connections_full", retryAfterMs: 1000 };
  room.take("a", 50);
  assert.throws(() => room.take("a", 1), full);
  room.take("b", 40);
  assert.throws(() => room.take("c", 11), full);
  room.take("c", 10);
  room.giveBack("a", 50);
  room.take("c", 40);
  room.take("a", 10);
  assert.throws(() => room.take("a", 1), full);
});
