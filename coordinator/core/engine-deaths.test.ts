import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultDecoding } from "@pomona/shared/core/generation";
import { replicaOf, starts, statusOf, TestPool, tokens } from "./test-pool.ts";

const longAnswer = { decoding: { ...defaultDecoding, maxTokens: 10_000 } };

/** Streams on one node with so many tokens, and another node that is free. */
function poolOf(emitted: Readonly<Record<string, number>>): TestPool {
  const pool = new TestPool();
  pool.deploy();
  pool.join(statusOf("a", { replicas: [replicaOf("ra", { slots: 4 })] }));
  for (const [id, count] of Object.entries(emitted)) {
    pool.request(id, longAnswer);
    if (count > 0) emit(pool, id, count);
  }
  pool.join(statusOf("b", { replicas: [replicaOf("rb", { slots: 4 })] }));
  return pool;
}

function emit(pool: TestPool, id: string, count: number): void {
  const record = pool.state.requests.get(id);
  assert.ok(record);
  const ids = Array.from({ length: count }, () => 1);
  pool.frame(id, record.epoch, tokens(record.emittedTokenIds.length, ids));
}

/**
 * Tells of the death one attempt after the other. Returns what started by then and, as prompts are evaluated one after the
 * other, with the first token of each.
 */
function crash(pool: TestPool, ids: readonly string[]): string[] {
  const died = { code: "engine_crashed", message: "it died", isRetryable: true } as const;
  const replica = replicaOf("ra", { slots: 4, state: "loading", failure: died });
  // Its node says so first: nobody waits for what it holds.
  pool.heartbeat(statusOf("a", { sequence: 2, replicas: [replica] }));
  const epochs = ids.map((id) => pool.state.requests.get(id)?.epoch ?? 0);
  const all = ids.flatMap((id, index) => starts(pool.fail(id, epochs[index] ?? 0, "engine_crashed")));
  for (const start of all) {
    const [id = ""] = start.split("/");
    const record = pool.state.requests.get(id);
    all.push(...starts(pool.frame(id, record?.epoch ?? 0, tokens(record?.emittedTokenIds.length ?? 0, [1]))));
  }
  return all;
}

function suspects(pool: TestPool): string[] {
  return [...pool.state.requests.values()].filter((each) => each.engineCrashes > 0).map(({ requestId }) => requestId);
}

for (const order of [
  ["old", "older", "new"],
  ["new", "older", "old"],
]) {
  test(`of a death who had just begun is suspected, and the others go on at once, told in the order ${order}`, () => {
    const pool = poolOf({ old: 8, older: 100, new: 7 });
    assert.deepEqual(crash(pool, order).sort(), ["old/2@b", "older/2@b"]);
    assert.deepEqual(suspects(pool), ["new"]);
  });
}

test("where nobody had just begun nobody is suspected, and who goes on is new there", () => {
  const pool = poolOf({ one: 8, two: 100 });
  assert.deepEqual(crash(pool, ["one", "two"]), ["one/2@b", "two/2@b"]);
  assert.deepEqual(suspects(pool), []);
  emit(pool, "one", 7);
  emit(pool, "two", 6);
  crash(pool, ["one", "two"]);
  assert.deepEqual(suspects(pool), ["two"]);
});

test("suspects run alone, one after the other, until each has come past where it was", () => {
  const pool = poolOf({ one: 7, two: 7 });
  assert.deepEqual(crash(pool, ["one", "two"]), []);
  assert.deepEqual(starts(pool.wait(100)), []);
  assert.deepEqual(starts(pool.wait(100)), ["one/2@b"]);
  emit(pool, "one", 7);
  assert.deepEqual(starts(pool.wait(100)), []);
  emit(pool, "one", 1);
  assert.deepEqual(suspects(pool), ["two"]);
  assert.deepEqual(starts(pool.request("three", longAnswer)), ["three/1@b"], "who is cleared has company again");
  pool.take({ kind: "requestStopped", requestId: "one" });
  assert.deepEqual(starts(pool.take({ kind: "requestStopped", requestId: "three" })), ["two/2@b"]);
});

test("who is there whenever an engine dies is suspected at last, however far it came each time", () => {
  const pool = poolOf({ always: 8 });
  const goOn = (sequence: number): void => {
    pool.nowMs += 1000;
    for (const id of ["a", "b"])
      pool.heartbeat(statusOf(id, { sequence, replicas: [replicaOf(`r${id}`, { slots: 4 })] }));
    emit(pool, "always", 8);
  };
  for (let deaths = 1; deaths <= 5; deaths += 1) {
    pool.fail("always", deaths, "engine_crashed");
    assert.deepEqual([suspects(pool), pool.state.requests.get("always")?.moves], [[], 0]);
    goOn(deaths + 1);
  }
  pool.fail("always", 6, "engine_crashed");
  assert.deepEqual(suspects(pool), ["always"]);
  goOn(7);
  pool.fail("always", 7, "engine_crashed");
  assert.equal(pool.state.poison.size, 1);
});

test("who kills an engine where it runs alone fails, and is refused from then on", () => {
  const pool = poolOf({ old: 8, poison: 0 });
  crash(pool, ["old", "poison"]);
  pool.nowMs += 200;
  assert.deepEqual(starts(pool.take({ kind: "requestStopped", requestId: "old" })), ["poison/2@b"]);
  crash(pool, ["poison"]);
  assert.equal(pool.state.requests.has("poison"), false);
  assert.equal(pool.state.poison.size, 1);
});
