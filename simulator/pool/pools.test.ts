import assert from "node:assert/strict";
import { test } from "node:test";
import { baselines } from "../baselines/all.ts";
import { scenarios } from "../scenarios/all.ts";
import { productPolicy, runPolicy } from "../scenarios/run.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import { openTraces } from "../workload/trace-source.ts";
import { fittingModel, loadMsOf } from "./pool.ts";

const source = openTraces(null);

function named(name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name);
  assert.ok(found !== undefined, name);
  return found;
}

function slice(scenario: Scenario, count: number) {
  return { scenario, requests: scenario.requests(source, 1).slice(0, count), seed: 1 };
}

for (const { name } of baselines) {
  test(`${name} serves every request exactly once, whatever machines do, and the same way again`, () => {
    const options = { ...slice(named("node-loss"), 400), isChecked: false };
    const { metrics, problems } = runPolicy(name, options);
    assert.deepEqual(problems, []);
    assert.equal(metrics.failed, 0);
    assert.ok(metrics.ttftMean > 0 && metrics.e2eMean > metrics.ttftMean && metrics.goodput > 0);
    assert.deepEqual(runPolicy(name, options).metrics, metrics);
  });
}

for (const name of [
  "conversation-90",
  "conversation-90-kv",
  "node-loss",
  "fairness",
  "scaling",
  "shared-system-prompt",
]) {
  test(`the product serves a slice of ${name} without breaking an invariant after any event`, () => {
    const { metrics, problems } = runPolicy(productPolicy, { ...slice(named(name), 100), isChecked: true });
    assert.deepEqual(problems, []);
    assert.equal(metrics.failed, 0);
  });
}

test("the product's runs are the same again", () => {
  const options = { ...slice(named("node-loss"), 400), isChecked: false };
  assert.deepEqual(runPolicy(productPolicy, options), runPolicy(productPolicy, options));
});

test("a model that lies on no SSD yet takes the time of the LAN to load, once", () => {
  const model = { ...fittingModel("m"), files: "lan1" } as const;
  assert.ok(Math.abs(loadMsOf(model, false) - 1000 * (1 + 19.8e9 / 1.18e8 + 6.6)) < 1);
  assert.ok(Math.abs(loadMsOf(model, true) - 7600) < 1);
});

test("the product drops what is late in an overload, and nothing else is lost", () => {
  const { metrics, problems } = runPolicy(productPolicy, { ...slice(named("overload-130"), 400), isChecked: false });
  assert.deepEqual(problems, []);
  assert.ok(metrics.goodput > 0.4, JSON.stringify(metrics));
});
