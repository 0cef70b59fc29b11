import assert from "node:assert/strict";
import { test } from "node:test";
import type { OwnerState } from "@pomona/shared/core/node-status";
import { type OwnerReading, ownerStateAfter } from "./owner-presence.ts";

const mode = { idleAfterMs: 300_000, budgetShare: 0.5 };
const idle = (idleMs: number): OwnerReading => ({ idleMs, isLoggedIn: true });

test("an owner is active from the first input, and away after a while without any, with nobody at the screen at once", () => {
  const cases: [OwnerState, OwnerReading | null, OwnerState][] = [
    ["unknown", idle(0), "active"],
    ["unknown", idle(299_999), "active"],
    ["unknown", idle(300_000), "away"],
    ["active", idle(299_999), "active"],
    ["active", idle(300_000), "away"],
    ["away", idle(14_999), "active"],
    // Between the limits nothing changes.
    ["away", idle(15_000), "away"],
    ["away", idle(299_999), "away"],
    ["active", { idleMs: 0, isLoggedIn: false }, "away"],
    ["active", null, "unknown"],
    ["away", null, "unknown"],
  ];
  for (const [before, reading, after] of cases) {
    assert.equal(ownerStateAfter(before, reading, mode), after, `${before} ${JSON.stringify(reading)}`);
  }
});

test("with a short wait for the owner to be away, any input brings the owner back", () => {
  const short = { ...mode, idleAfterMs: 5000 };
  assert.equal(ownerStateAfter("away", idle(4999), short), "active");
  assert.equal(ownerStateAfter("away", idle(5000), short), "away");
});
