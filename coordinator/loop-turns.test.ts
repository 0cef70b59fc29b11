import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as afterThis } from "node:timers/promises";
import { LoopTurns } from "./loop-turns.ts";

function keepBusy(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test("one is read at a time, and everything else runs between two of them", async () => {
  const turns = new LoopTurns();
  const told: string[] = [];
  let isDone = false;
  const others = (async () => {
    for (; !isDone; await afterThis()) told.push("other");
  })();
  const read = async (name: string): Promise<void> => {
    await turns.next("a");
    told.push(name);
    keepBusy(5);
  };
  await Promise.all(["1", "2", "3"].map(read));
  isDone = true;
  await others;
  const order = told.filter((name, index) => name !== "other" || told[index - 1] !== "other");
  assert.match(order.join(" "), /1 other 2 other 3/);
});

test("after each as much time is left for everything else", async () => {
  const turns = new LoopTurns();
  const beganAtMs = performance.now();
  for (let count = 0; count < 5; count += 1) {
    await turns.next("a");
    keepBusy(20);
  }
  const tookMs = performance.now() - beganAtMs;
  assert.ok(tookMs >= 5 * 20 + 4 * 20, `${tookMs} ms`);
});

test("clients come in turn, however many one of them sends", async () => {
  const turns = new LoopTurns();
  const told: string[] = [];
  const read = async (tenant: string): Promise<void> => {
    await turns.next(tenant);
    told.push(tenant);
  };
  await Promise.all(["a", "a", "a", "a", "b", "c", "b"].map(read));
  // The first one began when nobody else was there.
  assert.equal(told.join(""), "aabcaba");
});
