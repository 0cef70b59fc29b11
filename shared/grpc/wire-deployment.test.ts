import assert from "node:assert/strict";
import { test } from "node:test";
import type { Deployment__Output } from "@pomona/proto/generated/pomona/v1/Deployment";
import { pomona } from "@pomona/proto/load";
import fc from "fast-check";
import {
  type DeploymentRecord,
  type DeploymentSpec,
  defaultDeployment,
  type NodeSettingsRecord,
} from "../core/deployment.ts";
import { defaultEngineOptions } from "../core/engine-options.ts";
import {
  decodeDeploymentRecord,
  decodeNodeSettings,
  deploymentFromWire,
  deploymentRecordFromWire,
  deploymentRecordToWire,
  deploymentToWire,
  encodeDeploymentRecord,
  encodeNodeSettings,
  nodeSettingsFromWire,
} from "./wire-deployment.ts";

function record<Value>(model: { [Key in keyof Value]: fc.Arbitrary<Value[Key]> }): fc.Arbitrary<Value> {
  return fc.record(model, { noNullPrototype: true });
}

const digest = fc.constantFrom("ab".repeat(32), "01".repeat(32));
const count = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const labels = fc.uniqueArray(fc.constantFrom("fast", "room=office", "gpu=m4.max", "a/b-c=_"), { maxLength: 4 });
const replicas = fc.oneof(
  record({ min: fc.integer({ min: 0, max: 256 }), max: fc.constant(null) }),
  record({ min: fc.integer({ min: 0, max: 5 }), max: fc.integer({ min: 5, max: 256 }) }),
);

const spec: fc.Arbitrary<DeploymentSpec> = record({
  model: fc.constantFrom("tiny", "org/model:Q4_0", "a.b."),
  source: fc.constantFrom("builtin:tiny", "/models/a.gguf", "file:/a", "hf:a/b@main:Q4_K_M", "https://a/b"),
  digest,
  slots: fc.integer({ min: 1, max: 64 }),
  contextLength: fc.option(fc.integer({ min: 64, max: 1_048_576 }), { nil: null }),
  engine: fc.constantFrom(
    defaultEngineOptions,
    { ...defaultEngineOptions, embeddingLength: 0 },
    { ...defaultEngineOptions, gpuLayers: 0, kvType: "q8_0" as const, loras: [{ path: "/l.gguf", scale: 0.5 }] },
    { ...defaultEngineOptions, threads: 3, usesMmap: false, usesMlock: true, embeddingLength: 512 },
  ),
  replicas,
  availability: fc.integer({ min: 1, max: 256 }),
  isPinned: fc.boolean(),
  keepAliveMs: fc.integer({ min: 1000, max: 366 * 86_400_000 }),
  priority: fc.integer({ min: -1_000_000, max: 1_000_000 }),
  labels,
});

const kept: fc.Arbitrary<DeploymentRecord> = record({
  spec,
  revision: count,
  createdAtMs: count,
  pinned: fc.option(
    record({
      source: fc.constant("hf:a/b@0123:Q4_K_M"),
      files: fc.array(record({ name: fc.constant("a.gguf"), bytes: count, digest: fc.option(digest, { nil: null }) }), {
        maxLength: 3,
      }),
      reason: fc.string({ maxLength: 40 }),
    }),
    { nil: null },
  ),
});

const settings: fc.Arbitrary<NodeSettingsRecord> = record({
  nodeId: fc.constant("0a".repeat(16)),
  settings: record({ labels, isCordoned: fc.boolean(), isDraining: fc.boolean(), reservedBytes: count }),
  revision: count,
});

test("a deployment is the same after a journey over the wire", () => {
  fc.assert(
    fc.property(kept, (value) => {
      const bytes = pomona.DeploymentRecord.serialize(deploymentRecordToWire(value));
      assert.deepEqual(deploymentRecordFromWire(pomona.DeploymentRecord.deserialize(bytes)), value);
    }),
  );
});

test("what is kept comes back with the revision that the store tells", () => {
  fc.assert(
    fc.property(kept, settings, (deployment, node) => {
      const { revision } = node;
      assert.deepEqual(decodeDeploymentRecord(encodeDeploymentRecord(deployment), revision), {
        ...deployment,
        revision,
      });
      assert.deepEqual(decodeNodeSettings(encodeNodeSettings(node), revision), node);
    }),
  );
});

const empty: Deployment__Output = pomona.Deployment.deserialize(Buffer.alloc(0));

test("a deployment that names a model and a source has the defaults", () => {
  const wire = { ...empty, model: "tiny", source: "builtin:tiny" };
  assert.deepEqual(deploymentFromWire(wire), { ...defaultDeployment, model: "tiny", source: "builtin:tiny" });
});

test("what a deployment cannot be is invalid_request with its field", () => {
  const valid = deploymentToWire({ ...defaultDeployment, model: "tiny", source: "builtin:tiny" });
  const wire = pomona.Deployment.deserialize(pomona.Deployment.serialize(valid));
  const engine = wire.engine;
  const cases: readonly (readonly [string, Partial<Deployment__Output>])[] = [
    ["deployment.model", { model: "../x" }],
    ["deployment.model", { model: "" }],
    ["deployment.source", { source: "" }],
    ["deployment.source", { source: "models/x.gguf" }],
    ["deployment.source", { source: "http://host/x.gguf" }],
    ["deployment.source", { source: `/${"x".repeat(5000)}` }],
    ["deployment.digest", { source: "https://host/x.gguf" }],
    ["deployment.digest", { digest: "AB".repeat(32) }],
    ["deployment.slots", { slots: 65 }],
    ["deployment.context_length", { contextLength: 63 }],
    ["deployment.min_replicas", { minReplicas: 257, _minReplicas: "minReplicas" }],
    ["deployment.max_replicas", { minReplicas: 3, _minReplicas: "minReplicas", maxReplicas: 2 }],
    ["deployment.availability", { availability: 257 }],
    ["deployment.keep_alive_ms", { keepAliveMs: 999 }],
    ["deployment.keep_alive_ms", { keepAliveMs: 2 ** 53 }],
    ["deployment.priority", { priority: 2_000_000 }],
    ["deployment.labels", { labels: ["a b"] }],
    ["deployment.labels", { labels: Array.from({ length: 33 }, (_, index) => `l${index}`) }],
    ["deployment.engine.batch_size", { engine: engine === null ? null : { ...engine, batchSize: 1 } }],
  ];
  for (const [field, changes] of cases) {
    const run = (): unknown => deploymentFromWire({ ...wire, ...changes });
    assert.throws(run, { code: "invalid_request", field }, `${field} ${JSON.stringify(changes).slice(0, 100)}`);
  }
  assert.throws(() => deploymentFromWire(null), { code: "invalid_request", field: "deployment" });
  assert.throws(() => nodeSettingsFromWire(null), { code: "invalid_request", field: "settings" });
});

test("random bytes are no kept record, and throw nothing but invalid_request", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      assert.throws(() => decodeDeploymentRecord(bytes, 1), { code: "invalid_request" });
      assert.throws(() => decodeNodeSettings(bytes, 1), { code: "invalid_request" });
    }),
  );
});
