import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultEngineOptions } from "@pomona/shared/core/engine-options";
import { loadedInPlace } from "@pomona/shared/core/node-status";
import type { MemoryReading } from "../core/memory-reading.ts";
import { type AgentState, budgetOf, emptyAgentState, freeBudget, threadsFor } from "../core/state.ts";
import { type AgentEffect, type AgentEvent, stepAgent } from "../core/step.ts";
import { parseMeminfo } from "./linux.ts";
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
    assert.deepEqual(budgetOf(state), { configuredBytes: 1000, missingBytes: 1000 - free });
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
