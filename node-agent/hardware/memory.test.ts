import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultEngineOptions } from "@pomona/shared/core/engine-options";
import { loadedInPlace } from "@pomona/shared/core/node-status";
import type { MemoryReading } from "../core/memory-reading.ts";
import { type AgentState, budgetOf, emptyAgentState, freeBudget, threadsFor } from "../core/state.ts";
import { type AgentEffect, type AgentEvent, stepAgent } from "../core/step.ts";
import { LinuxHardware, parseMeminfo, parsePressureStall, parseProcessStatus } from "./linux.ts";
import { parseMemoryPressure } from "./macos.ts";

// Recorded with `head -5 /proc/meminfo` on a machine with Linux 6 and 24 GB.
const meminfo =
  "MemTotal:       24684096 kB\nMemFree:        20812912 kB\nMemAvailable:   24021172 kB\n" +
  "Buffers:           39160 kB\nCached:          3104404 kB\n";
// Not recorded, for there was no Mac at hand: the two lines in the form that memory_pressure.c of Apple's open-source
// system_cmds prints (read in its public source), with the figures of 16 GiB and pages of 16 KiB. Without -Q it prints
// statistics between the two.
const pressure =
  "The system has 17179869184 (1048576 pages with a page size of 16384).\n" +
  "System-wide memory free percentage: 64%\n";

const parts = { weightsBytes: 300, kvBytes: 100, computeBytes: 50, processBytes: 50 };

function loadRequested(replicaId: string, engine = defaultEngineOptions, mappedFile = replicaId): AgentEvent {
  const spec = { model: replicaId, source: "/m.gguf", slots: 2, contextLength: null, engine, ...loadedInPlace };
  const isMapped = engine.usesMmap && !engine.usesMlock;
  const memory = isMapped ? { ...parts, mappedBytes: 300, mappedFile } : parts;
  return { kind: "loadRequested", replicaId, spec, modelPath: "/m.gguf", contextLength: 1024, memory };
}

function read(availableBytes: number, countsMappedFiles = false): AgentEvent {
  return { kind: "memoryRead", reading: { availableBytes, countsMappedFiles } };
}

/** Takes events one after the other, a second apart. Returns the effects of the last. */
function run(state: AgentState, events: readonly AgentEvent[]): AgentEffect[] {
  return events.map((event, index) => stepAgent(state, event, index * 1000)).at(-1) ?? [];
}

const ready = (replicaId: string): AgentEvent => ({ kind: "engineReady", replicaId, pid: 7 });

test("what Linux and macOS say of their memory is read, and anything else is unknown", () => {
  assert.deepEqual(parseMeminfo(meminfo), { availableBytes: 24021172 * 1024, countsMappedFiles: true });
  const reading: MemoryReading = { availableBytes: Math.floor(0.64 * 2 ** 34), countsMappedFiles: false };
  assert.deepEqual(parseMemoryPressure(pressure), reading);
  assert.deepEqual(parseMemoryPressure(pressure.replace("\n", "\nStats: \nPages free: 13\n")), reading);
  for (const text of [
    "",
    "MemAvailable: many",
    "System-wide memory free percentage: 64%",
    pressure.replace("64", "640"),
  ]) {
    assert.equal(parseMeminfo(text), null);
    assert.equal(parseMemoryPressure(text), null);
  }
});

test("what other programs hold is missing from the budget, and comes back with them gone or unknown", () => {
  const state = emptyAgentState(1000);
  for (const [event, free] of [
    [read(2000), 1000],
    [read(400), 400],
    [read(0), 0],
    [{ kind: "memoryRead", reading: null } as const, 1000],
  ] as const) {
    run(state, [event]);
    assert.equal(freeBudget(state), free);
    const { configuredBytes, missingBytes } = budgetOf(state);
    assert.deepEqual([configuredBytes, missingBytes], [1000, 1000 - free]);
  }
});

test("under pressure running replicas stay, and nothing new loads that does not fit any more", () => {
  const state = emptyAgentState(1000);
  run(state, [loadRequested("r1"), ready("r1"), read(100)]);
  assert.equal(freeBudget(state), 100);
  assert.equal(state.replicas.get("r1")?.state, "ready");
  const [effect] = stepAgent(state, loadRequested("r2"), 3000);
  assert.equal(effect?.kind, "settleLoad");
  if (effect?.kind !== "settleLoad") return;
  assert.equal(effect.failure?.code, "insufficient_memory");
  assert.match(effect.failure?.message ?? "", /other programs/);
  stepAgent(state, read(500), 4000);
  assert.equal(stepAgent(state, loadRequested("r2"), 4000)[0]?.kind, "startEngine");
});

test("memory that a replica is about to take does not count as available", () => {
  const state = emptyAgentState(2000);
  run(state, [read(800), loadRequested("r1")]);
  assert.equal(freeBudget(state), 300);
  // It has it now, but the reading is older.
  stepAgent(state, ready("r1"), 2000);
  assert.equal(freeBudget(state), 300);
  stepAgent(state, read(300), 3000);
  assert.equal(freeBudget(state), 300);
});

test("mapped weights that the system calls available are not, those that are read or locked it knows of", () => {
  for (const [engine, countsMappedFiles, free] of [
    [defaultEngineOptions, true, 400],
    [defaultEngineOptions, false, 700],
    [{ ...defaultEngineOptions, usesMmap: false }, true, 700],
    [{ ...defaultEngineOptions, usesMlock: true }, true, 700],
  ] as const) {
    const state = emptyAgentState(2000);
    run(state, [loadRequested("r1", engine), ready("r1"), read(700, countsMappedFiles)]);
    assert.equal(freeBudget(state), free);
  }
});

test("pages that replicas have in common are unseen once, and not at all when the system counts them as taken", () => {
  for (const [countsMappedFiles, free] of [
    // 700 of the two are reserved; of the 900 that are said to be free, the 300 of the file and what the new one takes.
    [true, 400],
    [false, 700],
  ] as const) {
    const state = emptyAgentState(2000);
    run(state, [loadRequested("r1", defaultEngineOptions, "a"), ready("r1"), read(900, countsMappedFiles)]);
    stepAgent(state, loadRequested("r2", defaultEngineOptions, "a"), 3000);
    assert.equal(freeBudget(state), free);
  }
});

// Recorded with `cat /proc/pressure/memory` on a machine with Linux 6.
const calm = "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";

test("what Linux says of tasks that wait for memory is read, and kernels that say nothing are unknown", () => {
  const stalled = (some: string, full: string): string =>
    calm.replace("some avg10=0.00", `some avg10=${some}`).replace("full avg10=0.00", `full avg10=${full}`);
  for (const [text, pressure] of [
    [calm, "normal"],
    [stalled("29.99", "20.00"), "normal"],
    [stalled("30.00", "0.00"), "warning"],
    [stalled("80.00", "59.99"), "warning"],
    [stalled("80.00", "60.00"), "critical"],
    ["", "unknown"],
    ["some avg10=much", "unknown"],
  ] as const) {
    assert.equal(parsePressureStall(text), pressure, text);
  }
});

// Three lines of /proc/<pid>/status, recorded of Node 20 on Linux 6.
const processStatus = "VmHWM:\t   40428 kB\nVmRSS:\t   40428 kB\nRssAnon:\t    6324 kB\n";

test("Linux tells what a process has in memory, and nothing of one that is gone", {
  skip: process.platform !== "linux",
}, async () => {
  assert.equal(parseProcessStatus(processStatus), 40_428 * 1024);
  assert.equal(parseProcessStatus(""), null);
  const hardware = new LinuxHardware("/sys");
  assert.ok(((await hardware.residentBytes(process.pid)) ?? 0) > 20e6);
  assert.equal(await hardware.residentBytes(2 ** 22 + 1), null);
});

test("while the system is short of memory nothing new loads, and what runs stays", () => {
  for (const pressure of ["warning", "critical"] as const) {
    const state = emptyAgentState(1000);
    run(state, [loadRequested("r1"), ready("r1"), read(900), { kind: "pressureRead", pressure }]);
    assert.equal(freeBudget(state), 0);
    assert.equal(state.replicas.get("r1")?.state, "ready");
    const [effect] = stepAgent(state, loadRequested("r2"), 5000);
    assert.ok(effect?.kind === "settleLoad");
    assert.match(effect.failure?.message ?? "", new RegExp(`short of memory \\(${pressure}\\)`));
    stepAgent(state, { kind: "pressureRead", pressure: "normal" }, 6000);
    assert.equal(stepAgent(state, loadRequested("r2"), 6000)[0]?.kind, "startEngine");
  }
});

test("while its owner uses a machine the budget is a share, where models make way at all", () => {
  const states = { on: emptyAgentState(2000, 1, 0.5), off: emptyAgentState(2000) };
  for (const [owner, free] of [
    ["active", 1000],
    ["away", 2000],
    ["unknown", 2000],
  ] as const) {
    for (const state of Object.values(states)) run(state, [{ kind: "ownerRead", owner }]);
    assert.equal(freeBudget(states.on), free);
    assert.equal(freeBudget(states.off), 2000);
  }
  // More is held than the share: it stays, and nothing is free.
  run(states.on, [
    loadRequested("r1"),
    loadRequested("r2"),
    loadRequested("r3"),
    { kind: "ownerRead", owner: "active" },
  ]);
  assert.equal(freeBudget(states.on), 0);
  const [effect] = stepAgent(states.on, loadRequested("r4"), 5000);
  assert.ok(effect?.kind === "settleLoad");
  assert.match(effect.failure?.message ?? "", /the owner uses this machine/);
});

test("the most that was resident of a running engine is kept until it starts again", () => {
  const state = emptyAgentState(2000);
  const resident = (bytes: number): AgentEvent => ({ kind: "residentRead", replicaId: "r1", bytes });
  run(state, [loadRequested("r1"), resident(7), ready("r1"), resident(400), resident(300)]);
  assert.equal(state.replicas.get("r1")?.residentBytes, 400);
  assert.equal(state.replicas.get("r1")?.estimatedBytes, 500);
  const failure = { code: "engine_crashed", message: "it died", isRetryable: true } as const;
  stepAgent(state, { kind: "engineFailed", replicaId: "r1", failure }, 5000);
  stepAgent(state, ready("r1"), 6000);
  assert.equal(state.replicas.get("r1")?.residentBytes, 0);
});

test("a replica that starts gets its share of the machine's threads, at least one, or what its options ask for", () => {
  const state = emptyAgentState(10_000, 4);
  const threads = ["r1", "r2", "r3", "r4", "r5"].map((id) => {
    const [effect] = stepAgent(state, loadRequested(id), 0);
    return effect?.kind === "startEngine" ? effect.threads : 0;
  });
  assert.deepEqual(threads, [4, 2, 1, 1, 1]);
  const [asked] = stepAgent(state, loadRequested("r6", { ...defaultEngineOptions, threads: 3 }), 0);
  assert.equal(asked?.kind === "startEngine" && asked.threads, 3);
});

test("a replica that is started again gets the share of that moment", () => {
  const state = emptyAgentState(10_000, 4);
  run(state, [loadRequested("r1"), ready("r1"), loadRequested("r2"), ready("r2")]);
  const failure = { code: "engine_crashed", message: "it died", isRetryable: true } as const;
  const [effect] = stepAgent(state, { kind: "engineFailed", replicaId: "r1", failure }, 5000);
  assert.equal(effect?.kind === "startEngine" && effect.threads, 2);
  const r2 = state.replicas.get("r2");
  assert.equal(r2 && threadsFor(state, r2), 2);
});
