import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePower, parseThermalState } from "./macos.ts";

// The forms of pmset(1), as Apple's manual page and its open-source PowerManagement project (pmset.c) print them.
const onMains =
  "Now drawing from 'AC Power'\n -InternalBattery-0 (id=1)\t100%; charged; 0:00 remaining present: true\n";
const onBattery = "Now drawing from 'Battery Power'\n -InternalBattery-0 (id=1)\t81%; discharging; 4:32 remaining\n";
const noWarning =
  "Note: No thermal warning level has been recorded\nNote: No performance warning level has been recorded\n";
const limited = (percent: number): string =>
  `CPU_Scheduler_Limit \t= 100\nCPU_Available_CPUs \t= 8\nCPU_Speed_Limit \t= ${percent}\n`;

test("pmset -g batt tells mains from battery", () => {
  assert.deepEqual(parsePower(onMains), { source: "mains", watts: null });
  assert.deepEqual(parsePower(onBattery), { source: "battery", watts: null });
});

test("pmset -g therm tells how much the system slows the processor", () => {
  assert.equal(parseThermalState(noWarning), "nominal");
  for (const [percent, state] of [
    [100, "nominal"],
    [90, "fair"],
    [60, "serious"],
    [20, "critical"],
  ] as const) {
    assert.equal(parseThermalState(limited(percent)), state);
  }
});

test("an output that says nothing is unknown", () => {
  assert.deepEqual(parsePower(""), { source: "unknown", watts: null });
  assert.equal(parseThermalState(""), "unknown");
});
