import assert from "node:assert/strict";
import { test } from "node:test";
import { type DeploymentSpec, defaultDeployment } from "@pomona/shared/core/deployment";
import { Command } from "commander";
import { type DeploymentFlags, withDeploymentFlags, withFlags } from "./deployment-flags.ts";

const spec: DeploymentSpec = { ...defaultDeployment, model: "m", source: "/m.gguf" };

/** The deployment that these flags make of one that is there. */
function changed(words: string, from: DeploymentSpec = spec): DeploymentSpec {
  const command = withDeploymentFlags(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  return withFlags(from, command.parse(words === "" ? [] : words.split(" "), { from: "user" }).opts<DeploymentFlags>());
}

test("without flags a deployment stays what it is", () => {
  const kept = { ...spec, slots: 2, labels: ["fast"], isPinned: true, replicas: { min: 2, max: 3 } };
  assert.deepEqual(changed("", kept), kept);
});

test("each flag changes its field alone", () => {
  const table: readonly (readonly [string, Partial<DeploymentSpec>])[] = [
    ["--context 16384", { contextLength: 16_384 }],
    ["--slots 8", { slots: 8 }],
    ["--min 0", { replicas: { min: 0, max: null } }],
    ["--min 2 --max 4", { replicas: { min: 2, max: 4 } }],
    ["--availability 3", { availability: 3 }],
    ["--pin", { isPinned: true }],
    ["--keep-alive 2h", { keepAliveMs: 7_200_000 }],
    ["--priority -5", { priority: -5 }],
    ["--label fast --label room=office", { labels: ["fast", "room=office"] }],
    ["--digest 00ff", { digest: "00ff" }],
  ];
  for (const [words, expected] of table) assert.deepEqual(changed(words), { ...spec, ...expected }, words);
  const few = { ...spec, replicas: { min: 1, max: 2 } };
  assert.deepEqual(changed("--min 3", few).replicas, { min: 3, max: 3 });
});

test("engine options have the names of the configuration", () => {
  const words = ["gpuLayers=0", "kvType=q8_0", "usesMmap=false", "lora=/a.gguf", "lora=/b.gguf@0.5"];
  assert.deepEqual(changed(words.map((word) => `--engine-option ${word}`).join(" ")).engine, {
    ...spec.engine,
    gpuLayers: 0,
    kvType: "q8_0",
    usesMmap: false,
    loras: [
      { path: "/a.gguf", scale: 1 },
      { path: "/b.gguf", scale: 0.5 },
    ],
  });
});

test("flags that cannot be meant are refused", () => {
  const wrong = [
    ...["--context 0", "--slots -1", "--min x", "--keep-alive 30", "--engine-option fast=1", "--engine-option kvType"],
    ...[
      "--engine-option kvType=q2",
      "--engine-option usesMmap=yes",
      "--engine-option lora=x",
      "--engine-option __proto__=1",
    ],
  ];
  for (const words of wrong) assert.throws(() => changed(words), { code: "commander.invalidArgument" }, words);
});
