import assert from "node:assert/strict";
import { test } from "node:test";
import type { Effect } from "./effect.ts";
import { failureOf, recordOf, statusOf, TestPool } from "./test-pool.ts";
import { modelSummaries } from "./views.ts";

test("a model is not given up while the node that may have its file was lost a moment ago", () => {
  const pool = new TestPool();
  const beat = (nodeId: string): Effect[] => pool.heartbeat(statusOf(nodeId, { sequence: pool.nowMs }));
  const state = (): string | undefined => modelSummaries(pool.context)[0]?.state;
  const missing = { kind: "failed", failure: failureOf("not_found") } as const;
  pool.join(statusOf("a"));
  pool.join(statusOf("b"));
  pool.nowMs += 20_000;
  for (const nodeId of ["a", "b"]) beat(nodeId);
  pool.take({ kind: "linkDown", nodeId: "a" });
  pool.take({ kind: "deploymentSet", record: recordOf({ source: "/there" }) });
  const runKey = pool.state.deployments.get("m")?.runKey ?? "";
  pool.take({ kind: "modelInspected", nodeId: "b", model: "m", runKey, outcome: missing });
  assert.notEqual(state(), "failed");
  pool.nowMs += 29_000;
  beat("b");
  assert.notEqual(state(), "failed");
  pool.nowMs += 1000;
  beat("b");
  assert.equal(state(), "failed");
});

test("a node whose line broke while it was asked for a source is asked again when it is there", () => {
  const pool = new TestPool();
  pool.join(statusOf("a"));
  pool.deploy();
  const runKey = pool.state.deployments.get("m")?.runKey ?? "";
  for (const code of ["node_lost", "transfer_failed"] as const) {
    const outcome = { kind: "failed", failure: { ...failureOf(code), isRetryable: true } } as const;
    pool.take({ kind: "modelInspected", nodeId: "a", model: "m", runKey, outcome });
    pool.take({ kind: "linkDown", nodeId: "a" });
    pool.take({ kind: "linkUp", nodeId: "a" });
    const kind = pool.state.members.get("a")?.sources.get("m")?.kind;
    assert.equal(kind, code === "node_lost" ? "inPlace" : "failed");
  }
});
