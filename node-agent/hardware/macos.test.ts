import assert from "node:assert/strict";
import { test } from "node:test";
import {
  parseOwner,
  parsePower,
  parsePressureLevel,
  parseResidentSize,
  parseThermalState,
  parseWiredLimit,
} from "./macos.ts";

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

test("sysctl tells how short of memory the system is: the levels 1 and 4 as recorded on OS X 10.10 under light and heavy load", () => {
  // https://apple.stackexchange.com, "How is the Y value for the Memory Pressure graph calculated", `sysctl
  // kern.memorystatus_vm_pressure_level`; 2 by XNU's bsd/sys/event.h.
  for (const [text, pressure] of [
    ["1", "normal"],
    ["2", "warning"],
    ["4", "critical"],
    ["3", "unknown"],
    ["", "unknown"],
  ] as const) {
    assert.equal(parsePressureLevel(text), pressure);
  }
});

test("sysctl tells the limit of wired memory that somebody has set, and 0 where nobody has", () => {
  assert.equal(parseWiredLimit("8192"), 8192 * 2 ** 20);
  for (const text of ["0", "", "many", "-1", "1e9"]) assert.equal(parseWiredLimit(text), null, text);
});

// Not recorded, for there was no Mac at hand: the line that public scripts cut out of `ioreg -c IOHIDSystem`
// (dssw.co.uk, "Inactivity and Idle Time"), in the form in which ioreg.c of Apple's IOKitTools prints properties.
const registry =
  "+-o IOHIDSystem  <class IOHIDSystem, id 0x1000004f1, registered, matched, active, busy 0 (0 ms), retain 22>\n" +
  '  | {\n  |   "HIDScrollCountMaxTimeDeltaBetween" = 600\n  |   "HIDIdleTime" = 4200123456\n' +
  '  |   "HIDParameters" = {"HIDIdleTimeX"=1,"Clicking"=0}\n  | }\n';

test("ioreg tells since when nobody has touched the machine, and the console's owner whether anybody is logged in", () => {
  assert.deepEqual(parseOwner(registry, "ada"), { idleMs: 4200, isLoggedIn: true });
  assert.deepEqual(parseOwner(registry, "root"), { idleMs: 4200, isLoggedIn: false });
  assert.deepEqual(parseOwner(registry.replaceAll("  |", "   "), "ada"), { idleMs: 4200, isLoggedIn: true });
  assert.equal(parseOwner(registry, ""), null);
  assert.equal(parseOwner(registry.replace("HIDIdleTime", "Other"), "ada"), null);
});

test("ps tells the resident size in KiB, and nothing of a process that is gone", () => {
  assert.equal(parseResidentSize("118416"), 118_416 * 1024);
  assert.equal(parseResidentSize(""), null);
});
