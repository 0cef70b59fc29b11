import assert from "node:assert/strict";
import { test } from "node:test";
import type { Effect } from "./effect.ts";
import { pinPaths } from "./model-sources.ts";
import { failureOf, only, recordOf, replicaOf, statusOf, TestPool } from "./test-pool.ts";
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

const [one, two] = ["1".repeat(64), "2".repeat(64)];

const storedFile = (digest: string) => ({ digest, bytes: 7, heldBytes: 7, state: "verified", failure: null }) as const;

/** A pool with a file of unknown content at a path of some nodes, each with a replica of what is in it there. */
function poolWith(digests: Readonly<Record<string, string>>, keptDigest: string | null): TestPool {
  const pool = new TestPool();
  const files = [{ name: "m.gguf", bytes: 7, digest: null }];
  pool.deploy({ source: "/there", files });
  const deployment = pool.state.deployments.get("m");
  assert.ok(deployment !== undefined);
  const { runKey: revision } = deployment;
  if (keptDigest !== null) {
    const kept = files.map((file) => ({ ...file, digest: keptDigest }));
    const pinned = { source: "/there", files: kept, reason: "" };
    pool.take({ kind: "deploymentSet", record: { ...deployment.record, pinned } });
    assert.equal(pool.state.deployments.get("m")?.runKey, revision, "nothing is rolled for it");
  }
  for (const [nodeId, digest] of Object.entries(digests))
    pool.join(statusOf(nodeId, { replicas: [replicaOf(`r${nodeId}`, { digest, revision })] }));
  return pool;
}

/** Once another node, for which the path is nothing, has copies. */
function pinnedDigests(pool: TestPool): (string | null | undefined)[] {
  const pinned = (): (string | null | undefined)[] =>
    only(pinPaths(pool.context), "pinModel").map((effect) => effect.pinned.files[0]?.digest);
  assert.deepEqual(pinned(), []);
  pool.sources.set("/there", null);
  pool.join(statusOf("copy", { files: [storedFile(one), storedFile(two)] }));
  return pinned();
}

test("what lies at a path is kept when a replica has told it and a copy is there, and again when nobody has what was kept", () => {
  assert.deepEqual(pinnedDigests(poolWith({ a: "" }, null)), []);
  assert.deepEqual(pinnedDigests(poolWith({ a: one }, null)), [one]);
  assert.deepEqual(pinnedDigests(poolWith({ a: one }, one)), []);
  assert.deepEqual(pinnedDigests(poolWith({ a: two, b: one }, one)), [], "of different files the first one counts");
  assert.deepEqual(pinnedDigests(poolWith({ a: two }, one)), [two]);
});

test("a copy of what was kept of a path is loaded where the path means nothing", () => {
  const pool = poolWith({}, one);
  const found = pool.sources.get("/there");
  assert.ok(found != null);
  const files = [{ name: "m.gguf", bytes: 7, digest: one }];
  pool.sources.set("/there", { ...found, files, isInPlace: false });
  const [load] = only(pool.join(statusOf("b", { files: [storedFile(one)] })), "loadReplica");
  assert.deepEqual([load?.nodeId, load?.spec.files], ["b", files]);
});
