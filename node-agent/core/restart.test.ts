import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultEngineOptions } from "@pomona/shared/core/engine-options";
import { loadedInPlace } from "@pomona/shared/core/node-status";
import { refuseChangedModel, restartDelayMs, restartLimits } from "./restart.ts";
import { type AgentState, emptyAgentState, freeBudget, replicaStatus } from "./state.ts";
import { type AgentEffect, type AgentEvent, stepAgent } from "./step.ts";

const memory = { weightsBytes: 300, kvBytes: 100, computeBytes: 50, processBytes: 50 };
const failure = { code: "engine_crashed", message: "it died", isRetryable: true } as const;
const spec = {
  model: "m",
  source: "/m.gguf",
  slots: 2,
  contextLength: null,
  engine: defaultEngineOptions,
  ...loadedInPlace,
};
const loadRequested: AgentEvent = {
  kind: "loadRequested",
  replicaId: "r1",
  spec,
  modelPath: "/m.gguf",
  contextLength: 1024,
  memory,
};
const died: AgentEvent = { kind: "engineFailed", replicaId: "r1", failure };
const ready: AgentEvent = { kind: "engineReady", replicaId: "r1", pid: 7 };

/** A replica that is ready at time 0. */
function serving(): AgentState {
  const state = emptyAgentState(1000);
  stepAgent(state, loadRequested, 0);
  stepAgent(state, ready, 0);
  return state;
}

function stateOf(state: AgentState): string | undefined {
  return state.replicas.get("r1")?.state;
}

function delayOf(effects: readonly AgentEffect[]): number | null {
  const [effect] = effects;
  return effect?.kind === "startEngine" ? effect.delayMs : null;
}

/** Lets the engine die so often, one second after it was ready each time. Returns the waits. */
function dieOften(state: AgentState, times: number): (number | null)[] {
  let nowMs = 0;
  return Array.from({ length: times }, () => {
    nowMs += 1000;
    const delayMs = delayOf(stepAgent(state, died, nowMs));
    stepAgent(state, ready, nowMs + (delayMs ?? 0));
    return delayMs;
  });
}

test("the first restart does not wait, the next wait 1, 2 and 4 s, and after the fifth death there is none", () => {
  const state = serving();
  assert.deepEqual(dieOften(state, 5), [0, 1000, 2000, 4000, null]);
  assert.equal(stateOf(state), "failed");
  const status = state.replicas.get("r1")?.failure;
  assert.match(status?.message ?? "", /died 5 times.*10 minutes.*it died/);
  assert.equal(status?.code, "engine_crashed");
  assert.equal(freeBudget(state), 1000);
});

test("no wait is longer than a minute, and jitter moves it by a tenth at most", () => {
  assert.ok(restartLimits.waitMinMs * 2 ** restartLimits.deathsMax <= restartLimits.waitMaxMs * 2);
  for (const deaths of [2, 3, 4]) {
    const middle = restartDelayMs(deaths, 0.5) ?? 0;
    assert.equal(middle, 1000 * 2 ** (deaths - 2));
    assert.ok(Math.abs((restartDelayMs(deaths, 0) ?? 0) - 0.9 * middle) < 1e-6);
    assert.ok(Math.abs((restartDelayMs(deaths, 1) ?? 0) - 1.1 * middle) < 1e-6);
  }
});

test("ten minutes of service make the deaths before forgotten, a second less does not", () => {
  for (const [servedMs, delayMs] of [
    [restartLimits.forgivenMs, 0],
    [restartLimits.forgivenMs - 1000, 4000],
  ] as const) {
    const state = serving();
    dieOften(state, 3);
    const readyAtMs = state.replicas.get("r1")?.readyAtMs ?? 0;
    assert.equal(delayOf(stepAgent(state, died, readyAtMs + servedMs)), delayMs);
  }
});

test("while it waits it holds its memory and its reason, and once ready the reason is gone and the process new", () => {
  const state = serving();
  stepAgent(state, died, 1000);
  stepAgent(state, ready, 1000);
  stepAgent(state, died, 2000);
  assert.equal(freeBudget(state), 500);
  const replica = state.replicas.get("r1");
  assert.ok(replica !== undefined);
  assert.deepEqual([replicaStatus(replica).state, replicaStatus(replica).failure], ["loading", failure]);
  assert.deepEqual(stepAgent(state, { kind: "engineReady", replicaId: "r1", pid: 9 }, 3500), [
    { kind: "settleLoad", replicaId: "r1", failure: null },
  ]);
  const status = replicaStatus(replica);
  assert.deepEqual([status.state, status.failure, status.pid, status.loadMs], ["ready", null, 9, 500]);
});

test("unloading ends the wait, and nothing is left of the replica", () => {
  const state = serving();
  dieOften(state, 1);
  stepAgent(state, died, 5000);
  const effects = stepAgent(state, { kind: "unloadRequested", replicaId: "r1" }, 5100);
  assert.deepEqual(effects[0], { kind: "stopEngine", replicaId: "r1" });
  stepAgent(
    state,
    { kind: "engineFailed", replicaId: "r1", failure: { code: "cancelled", message: "", isRetryable: false } },
    5100,
  );
  assert.equal(state.replicas.size, 0);
  assert.equal(freeBudget(state), 1000);
});

test("an engine that dies while it is started again counts as a death, and a file that is wrong ends it", () => {
  const state = serving();
  stepAgent(state, died, 1000);
  assert.equal(delayOf(stepAgent(state, died, 2000)), 1000);
  const invalid = { code: "invalid_model", message: "changed", isRetryable: false } as const;
  assert.deepEqual(stepAgent(state, { kind: "engineFailed", replicaId: "r1", failure: invalid }, 3000), [
    { kind: "settleLoad", replicaId: "r1", failure: invalid },
  ]);
  assert.equal(stateOf(state), "failed");
});

test("a first load that fails is not repeated here", () => {
  const state = emptyAgentState(1000);
  stepAgent(state, loadRequested, 0);
  assert.deepEqual(stepAgent(state, died, 10), [{ kind: "settleLoad", replicaId: "r1", failure }]);
  assert.equal(stateOf(state), "failed");
});

test("the digest of the file is kept with the replica, and another one is refused with the beginnings of both", () => {
  const state = emptyAgentState(1000);
  stepAgent(state, loadRequested, 0);
  const digest = "a1".repeat(32);
  stepAgent(state, { kind: "modelRead", replicaId: "r1", digest }, 1);
  const replica = state.replicas.get("r1");
  assert.equal(replica && replicaStatus(replica).digest, digest);
  const where = { model: "m", modelPath: "/m.gguf" };
  assert.equal(refuseChangedModel("", digest, where), null);
  assert.equal(refuseChangedModel(digest, digest, where), null);
  const refusal = refuseChangedModel(digest, "b2".repeat(32), where);
  assert.equal(refusal?.code, "invalid_model");
  assert.match(refusal?.message ?? "", /\/m\.gguf.*a1a1a1.*b2b2b2/);
});
