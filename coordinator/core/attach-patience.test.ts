import assert from "node:assert/strict";
import { test } from "node:test";
import { attachPatienceMs, noteRoundTrip, patienceLeftMs } from "./attach-patience.ts";

test("a node on a slow line has three round trips and some room to answer, and 300 ms at least", () => {
  const cases: readonly (readonly [number | null, number])[] = [
    [null, 300],
    [0, 300],
    [50, 300],
    [150, 550],
    [400, 1300],
    [5000, 1300],
  ];
  for (const [roundTripMs, patienceMs] of cases) assert.equal(attachPatienceMs(roundTripMs), patienceMs);
});

test("a line that becomes slower is believed at once, one that becomes faster by and by", () => {
  assert.equal(noteRoundTrip(null, 20), 20);
  assert.equal(noteRoundTrip(20, 200), 200);
  assert.equal(noteRoundTrip(200, 20), 155);
  let knownMs = 200;
  for (let call = 0; call < 20; call += 1) knownMs = noteRoundTrip(knownMs, 20);
  assert.ok(Math.abs(knownMs - 20) < 1, `${knownMs} ms`);
});

test("a timer that rings late gives the node its time again", () => {
  assert.equal(patienceLeftMs(300, 300), 0);
  assert.equal(patienceLeftMs(300, 340), 0);
  assert.equal(patienceLeftMs(300, 900), 300);
});
