import assert from "node:assert/strict";
import { test } from "node:test";
import { fixedSizing, type ModelSizing } from "@pomona/shared/core/model-sizing";
import { takeInspection } from "./model-sources.ts";
import type { PlacementReport } from "./placement/placement-report.ts";
import { planPlacement } from "./placement-plan.ts";
import { suppose } from "./suppose.ts";
import { memoryOf, recordOf, replicaOf, statusOf, TestPool } from "./test-pool.ts";

const nothing = { deployments: [], removedModels: [], lostNodes: [] };

/** As `model action@node`. */
function moves({ nodes }: PlacementReport): string[] {
  return nodes.flatMap(({ nodeId, replicas }) => replicas.map(({ model, action }) => `${model} ${action}@${nodeId}`));
}

function withNode(...models: readonly string[]): TestPool {
  const pool = new TestPool();
  for (const model of models) pool.deploy({ model, memory: memoryOf(4) });
  const replicas = models.map((model) => replicaOf(`r-${model}`, { model, memory: memoryOf(4) }));
  pool.join(statusOf("a", { replicas }));
  return pool;
}

test("a plan says what is there, what would be loaded and why, and changes nothing", () => {
  const pool = withNode("m");
  pool.state.members.get("a")?.loadFailures.clear();
  const before = JSON.stringify([...pool.state.members.keys(), ...pool.state.deployments.keys()]);
  const supposed = suppose(pool.context, { ...nothing, deployments: [recordOf({ model: "n" }).spec] });
  const deployment = supposed.state.deployments.get("n");
  const sizing = fixedSizing(100, memoryOf(6));
  const inspection = { files: [], isInPlace: true, pinnedSource: "/n", variants: [], sizing };
  const outcome = { kind: "found", inspection } as const;
  takeInspection(supposed, { nodeId: "a", model: "n", runKey: deployment?.runKey ?? "", outcome });
  const report = planPlacement(supposed);
  assert.deepEqual(moves(report), ["m keep@a", "n load@a"]);
  assert.equal(report.nodes[0]?.freeBytes, 6e9);
  const [, planned] = report.nodes[0]?.replicas ?? [];
  assert.match(planned?.reason ?? "", /the deployment wants 1/);
  assert.ok((planned?.readyInMs ?? 0) > 0);
  assert.equal(JSON.stringify([...pool.state.members.keys(), ...pool.state.deployments.keys()]), before);
});

test("a plan says what is lost with each node, and what cannot be had", () => {
  const pool = withNode("m");
  const [model] = planPlacement(pool.context).models;
  assert.deepEqual(
    [model?.survivesNodeLoss, model?.unmet],
    [false, ["1 of 2 nodes can answer for it: the pool has one node"]],
  );
  assert.deepEqual(planPlacement(pool.context).nodes[0]?.lostModels, ["m"]);
  pool.join(statusOf("b", { replicas: [replicaOf("r-b")] }));
  assert.deepEqual(planPlacement(pool.context).models[0]?.unmet, []);
  const lost = planPlacement(suppose(pool.context, { ...nothing, lostNodes: ["a"] }));
  assert.deepEqual([lost.nodes.map(({ nodeId }) => nodeId), lost.nodes[0]?.lostModels], [["b"], ["m"]]);
});

test("what does not fit comes with the cheapest ways to make it fit", () => {
  const pool = withNode("small");
  // Ten gigabytes of weights, and 0.9 MB for each token of each slot.
  const sizing: ModelSizing = {
    contextLengthFor: (wanted) => wanted ?? 2048,
    architecture: "llama",
    card: null,
    vocabularySize: 32_000,
    pooling: { embeds: true, ranks: false, isNamed: false },
    embeddingLengthFor: (wanted) => wanted ?? 0,
    memoryFor: ({ contextLength, slots }) => ({ ...memoryOf(10), kvBytes: contextLength * slots * 0.9e6 }),
  };
  const supposed = suppose(pool.context, {
    ...nothing,
    deployments: [recordOf({ model: "big", slots: 4, contextLength: 2048 }).spec],
  });
  const runKey = supposed.state.deployments.get("big")?.runKey ?? "";
  const inspection = { files: [], isInPlace: true, pinnedSource: "/big", variants: [], sizing };
  takeInspection(supposed, { nodeId: "a", model: "big", runKey, outcome: { kind: "found", inspection } });
  const report = planPlacement(supposed);
  const big = report.models.find(({ model }) => model === "big");
  assert.match(
    big?.unmet[0] ?? "",
    /0 of 1 replicas have a place: it needs 17.4 GB, and a has 12.0 GB of 16.0 GB free \(held by small 4.0 GB\)/,
  );
  assert.deepEqual(
    big?.remedies.map(({ kind }) => kind),
    ["smaller_context", "fewer_slots"],
  );
  assert.match(big?.remedies[1]?.text ?? "", /1 slot instead of 4/);
});

test("without a model that is removed the plan is one without it", () => {
  const pool = withNode("m", "n");
  assert.deepEqual(moves(planPlacement(suppose(pool.context, { ...nothing, removedModels: ["n"] }))), [
    "m keep@a",
    "n unload@a",
  ]);
  assert.throws(() => suppose(pool.context, { ...nothing, lostNodes: ["zz"] }), { code: "not_found" });
});
