import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultEngineOptions } from "@pomona/shared/core/engine-options";
import { loadedInPlace } from "@pomona/shared/core/node-status";
import { budgetFor, nodeBudget, refuseOvercommit, usualWorkingSet } from "./memory-budget.ts";
import { type AgentState, emptyAgentState, freeBudget, replicaStatus } from "./state.ts";
import { type AgentEvent, stepAgent } from "./step.ts";

const memory = { weightsBytes: 300, kvBytes: 100, computeBytes: 50, processBytes: 50 };
const failure = { code: "engine_crashed", message: "it died", isRetryable: true } as const;

function loadRequested(replicaId: string, model = "m"): AgentEvent {
  const spec = {
    model,
    source: `/models/${model}.gguf`,
    slots: 2,
    contextLength: null,
    engine: defaultEngineOptions,
    ...loadedInPlace,
  };
  return { kind: "loadRequested", replicaId, spec, modelPath: spec.source, contextLength: 1024, memory };
}

/** Takes events one after the other, a second apart. Returns the effects of the last. */
function run(state: AgentState, events: readonly AgentEvent[]): ReturnType<typeof stepAgent> {
  return events.map((event, index) => stepAgent(state, event, index * 1000)).at(-1) ?? [];
}

const ready = (replicaId: string): AgentEvent => ({ kind: "engineReady", replicaId, pid: 7 });

test("a replica reserves its memory from the request on, and is ready when its engine is", () => {
  const state = emptyAgentState(1000);
  const [effect] = run(state, [loadRequested("r1")]);
  assert.equal(effect?.kind, "startEngine");
  assert.equal(freeBudget(state), 500);
  assert.deepEqual(run(state, [loadRequested("r1"), ready("r1")]), [
    { kind: "settleLoad", replicaId: "r1", failure: null },
  ]);
  const replica = state.replicas.get("r1");
  assert.equal(replica && replicaStatus(replica).state, "ready");
  assert.equal(freeBudget(state), 500);
});

test("the same load again joins the one under way and starts nothing", () => {
  const state = emptyAgentState(1000);
  assert.deepEqual(run(state, [loadRequested("r1"), loadRequested("r1")]), []);
});

test("what does not fit is refused with what is needed, what is free and who holds the rest", () => {
  const state = emptyAgentState(900);
  const [effect] = run(state, [loadRequested("r1", "first"), loadRequested("r2", "second")]);
  assert.equal(effect?.kind, "settleLoad");
  if (effect?.kind !== "settleLoad") return;
  assert.equal(effect.failure?.code, "insufficient_memory");
  assert.match(effect.failure?.message ?? "", /second needs .* free; held by: first/);
  assert.equal(state.replicas.size, 1);
});

test("a variant of a file that is mapped already needs room for its own part alone, another file for all", () => {
  const state = emptyAgentState(700);
  const load = (replicaId: string, mappedFile: string): string => {
    const event = { ...loadRequested(replicaId, replicaId), memory: { ...memory, mappedBytes: 300, mappedFile } };
    const [effect] = stepAgent(state, event as AgentEvent, 0);
    return effect?.kind === "settleLoad" ? (effect.failure?.message ?? "") : "";
  };
  assert.equal(load("plain", "a"), "");
  assert.match(load("other", "b"), /other needs 0\.00 GB/);
  assert.equal(load("variant", "a"), "");
  assert.equal(freeBudget(state), 0);
  // The weights stay for the other one, and leave with it.
  run(state, [
    { kind: "unloadRequested", replicaId: "plain" },
    { kind: "engineStopped", replicaId: "plain" },
  ]);
  assert.equal(freeBudget(state), 200);
  run(state, [
    { kind: "unloadRequested", replicaId: "variant" },
    { kind: "engineStopped", replicaId: "variant" },
  ]);
  assert.equal(freeBudget(state), 700);
});

test("a failed engine gives its memory back, tells those who wait, and leaves its reason", () => {
  const state = emptyAgentState(1000);
  const effects = run(state, [loadRequested("r1"), { kind: "engineFailed", replicaId: "r1", failure }]);
  assert.deepEqual(effects, [{ kind: "settleLoad", replicaId: "r1", failure }]);
  assert.equal(freeBudget(state), 1000);
  assert.equal(state.replicas.get("r1")?.failure, failure);
});

test("a replica whose engine dies while ready loads again at once under its id, and its attempts are gone", () => {
  const state = emptyAgentState(1000);
  const attempt = { replicaId: "r1", requestId: "q", epoch: 1 };
  const effects = run(state, [
    loadRequested("r1"),
    ready("r1"),
    { kind: "attemptStarted", ...attempt },
    { kind: "engineFailed", replicaId: "r1", failure },
  ]);
  assert.deepEqual(
    effects.map((effect) => effect.kind === "startEngine" && [effect.replicaId, effect.delayMs, effect.isSuspect]),
    [["r1", 0, true]],
  );
  const replica = state.replicas.get("r1");
  assert.equal(replica?.running.size, 0);
  assert.deepEqual([replica?.state, replica?.pid, replica?.failure], ["loading", null, failure]);
  assert.equal(freeBudget(state), 500);
});

test("unloading holds the memory until the engine has gone", () => {
  const state = emptyAgentState(1000);
  const effects = run(state, [loadRequested("r1"), ready("r1"), { kind: "unloadRequested", replicaId: "r1" }]);
  assert.deepEqual(effects, [{ kind: "stopEngine", replicaId: "r1" }]);
  assert.equal(freeBudget(state), 500);
  run(state, [{ kind: "engineStopped", replicaId: "r1" }]);
  assert.equal(freeBudget(state), 1000);
  assert.equal(state.replicas.size, 0);
});

test("an engine that gets ready after its replica was unloaded is stopped", () => {
  const state = emptyAgentState(1000);
  const effects = run(state, [loadRequested("r1"), { kind: "unloadRequested", replicaId: "r1" }, ready("r1")]);
  assert.deepEqual(effects, [{ kind: "stopEngine", replicaId: "r1" }]);
});

test("only the newest failure of a model is kept, and sixteen of all", () => {
  const state = emptyAgentState(1000);
  const failed = (replicaId: string, model: string): AgentEvent[] => [
    loadRequested(replicaId, model),
    { kind: "engineFailed", replicaId, failure },
  ];
  run(state, [...failed("a1", "a"), ...failed("a2", "a")]);
  assert.deepEqual([...state.replicas.keys()], ["a2"]);
  run(state, Array.from({ length: 30 }, (_, i) => failed(`b${i}`, `b${i}`)).flat());
  assert.equal(state.replicas.size, 16);
});

test("the end of an old epoch does not free the slot of the new one", () => {
  const state = emptyAgentState(1000);
  run(state, [
    loadRequested("r1"),
    ready("r1"),
    { kind: "attemptStarted", replicaId: "r1", requestId: "q", epoch: 1 },
    { kind: "attemptStarted", replicaId: "r1", requestId: "q", epoch: 2 },
    { kind: "attemptEnded", replicaId: "r1", requestId: "q", epoch: 1 },
  ]);
  assert.deepEqual([...(state.replicas.get("r1")?.running ?? [])], [["q", 2]]);
});

test("the budget leaves 6 GB or a quarter of the machine, whichever is more", () => {
  for (const [memoryBytes, budget] of [
    [16e9, 10e9],
    [24e9, 18e9],
    [64e9, 48e9],
    [512e9, 384e9],
    [4e9, 0],
  ] as const) {
    assert.equal(budgetFor(memoryBytes), budget);
  }
});

test("Metal's working set lowers the budget, a setting goes before both, and a reserve is kept in any case", () => {
  const gib = 2 ** 30;
  const nothing = { budgetBytes: null, reservedBytes: 0 };
  const cases: [Parameters<typeof nodeBudget>[0], Parameters<typeof nodeBudget>[1], number][] = [
    [{ memoryBytes: 32 * gib, workingSetBytes: null }, nothing, 24 * gib],
    [{ memoryBytes: 32 * gib, workingSetBytes: 21 * gib }, nothing, 21 * gib],
    [{ memoryBytes: 32 * gib, workingSetBytes: 30 * gib }, nothing, 24 * gib],
    [{ memoryBytes: 32 * gib, workingSetBytes: 21 * gib }, { budgetBytes: 28 * gib, reservedBytes: 0 }, 28 * gib],
    [{ memoryBytes: 32 * gib, workingSetBytes: 21 * gib }, { budgetBytes: 40 * gib, reservedBytes: 0 }, 32 * gib],
    [{ memoryBytes: 32 * gib, workingSetBytes: 21 * gib }, { budgetBytes: null, reservedBytes: 4 * gib }, 17 * gib],
    [{ memoryBytes: 32 * gib, workingSetBytes: null }, { budgetBytes: 8 * gib, reservedBytes: 4 * gib }, 4 * gib],
    [{ memoryBytes: 32 * gib, workingSetBytes: null }, { budgetBytes: 8 * gib, reservedBytes: 9 * gib }, 0],
  ];
  for (const [machine, settings, budget] of cases) {
    assert.equal(nodeBudget(machine, settings), budget, JSON.stringify([machine, settings]));
  }
});

test("the usual working set is what Macs of that size report", () => {
  // MiB, from logs of llama.cpp; see `usualWorkingSet`.
  for (const [gibibytes, mebibytes] of [
    [16, 10_922],
    [32, 21_845],
    [96, 73_728],
  ] as const) {
    assert.equal(Math.floor(usualWorkingSet(gibibytes * 2 ** 30) / 2 ** 20), mebibytes);
  }
});

test("a replica that fits to the last byte is not refused", () => {
  assert.equal(refuseOvercommit({ model: "m", memory }, { configuredBytes: 500, missingBytes: 0 }, []), null);
  assert.notEqual(refuseOvercommit({ model: "m", memory }, { configuredBytes: 499, missingBytes: 0 }, []), null);
});
