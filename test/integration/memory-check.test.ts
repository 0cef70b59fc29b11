// What a replica takes, as the machine tells it, against what the node has reserved for it.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { LinuxHardware } from "@pomona/node-agent/hardware/linux";
import { NodeMetrics } from "@pomona/node-agent/metrics";
import type { NodeAgent } from "@pomona/node-agent/node-agent";
import { defaultEngineOptions } from "@pomona/shared/core/engine-options";
import { countingModel } from "@pomona/shared/core/gguf/counting-model";
import { writeGguf } from "@pomona/shared/core/gguf/writer";
import { loadedInPlace, type ReplicaStatus } from "@pomona/shared/core/node-status";
import { totalBytes } from "@pomona/shared/core/replica-memory";
import { startAgent } from "../support/started-agent.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const folder = createTemporaryDirectory("memory-check");
after(() => folder.remove());
const source = join(folder.path, "counting.gguf");
writeFileSync(source, writeGguf(countingModel()));

function load(agent: NodeAgent, replicaId: string): Promise<ReplicaStatus> {
  const engine = { ...defaultEngineOptions, threads: 1 };
  const spec = { model: "counting", source, slots: 1, contextLength: 256, engine, ...loadedInPlace };
  return agent.load(replicaId, spec, AbortSignal.timeout(60_000));
}

test("a replica has less than was reserved, and the metric says by how much", {
  skip: process.platform !== "linux",
}, async (t) => {
  const agent = startAgent(folder.path);
  t.after(() => agent.close());
  const metrics = new NodeMetrics();
  metrics.observe(agent, 8e9);
  const { pid, memory } = await load(agent, "r1");
  const resident = await new LinuxHardware("/sys").residentBytes(pid ?? 0);
  assert.ok(resident !== null);
  agent.setResident("r1", resident);
  const line = /^pomona_model_memory_error_ratio\{model="counting"\} (\S+)$/m.exec(await metrics.registry.metrics());
  const error = Number(line?.[1]);
  assert.ok(Math.abs(error - (totalBytes(memory) / resident - 1)) < 1e-9);
  assert.ok(error >= 0 && error <= 0.25, `off by ${error}`);
  assert.equal(agent.status().capacity.memoryCorrection, 1);
});

test("a replica that was larger than estimated corrects what the next one reserves, also after a restart", async (t) => {
  const first = startAgent(folder.path);
  t.after(() => first.close());
  const estimated = totalBytes((await load(first, "large")).memory);
  first.setResident("large", 1.5 * estimated + 32e6);
  // The replica above was as small as estimated: of two in the middle the larger one counts.
  assert.equal(first.status().capacity.memoryCorrection, 1.5);
  const second = startAgent(folder.path);
  t.after(() => second.close());
  assert.equal(second.status().capacity.memoryCorrection, 1.5);
  const { memory } = await load(second, "next");
  assert.ok(Math.abs(totalBytes(memory) - 1.5 * estimated) <= 1);
  // The correction is of the formula: one that is right by now changes nothing.
  second.setResident("next", 1.5 * estimated + 32e6);
  assert.equal(second.status().capacity.memoryCorrection, 1.5);
});
