// Variants of one model on one machine: the weights that they map are in memory once, and the node counts them once.
import assert from "node:assert/strict";
import { copyFileSync, linkSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { NodeAgent } from "@pomona/node-agent/node-agent";
import { stateStoreSpec } from "@pomona/node-agent/state-store-spec";
import { defaultEngineOptions, type LoraAdapter } from "@pomona/shared/core/engine-options";
import { branchingAdapter, branchingModel } from "@pomona/shared/core/gguf/branching-model";
import { randomModel } from "@pomona/shared/core/gguf/random-model";
import { characterTokenId } from "@pomona/shared/core/gguf/vocabulary";
import { type GgufModel, type WritableTensor, type WritableValue, writeGguf } from "@pomona/shared/core/gguf/writer";
import { loadedInPlace, type ReplicaStatus } from "@pomona/shared/core/node-status";
import { addedBytes, heldBytes, privateBytes, totalBytes } from "@pomona/shared/core/replica-memory";
import { attemptOf, runOn } from "../support/attempts.ts";
import { startAgent } from "../support/started-agent.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const folder = createTemporaryDirectory("shared-weights");
after(() => folder.remove());

const forever = new AbortController().signal;
/** Of the random model of 135 million parameters. */
const width = 576;
const layers = 30;

function write(name: string, model: GgufModel): string {
  const path = join(folder.path, name);
  writeFileSync(path, writeGguf(model));
  return path;
}

/** Over the queries of every layer; of zeros, for its work and memory are the same. */
function blankAdapter(rank: number): GgufModel {
  const tensor = (name: string, dimensions: readonly [number, number]): WritableTensor => {
    const bytes = 4 * dimensions[0] * dimensions[1];
    return { name, dimensions, type: "F32", data: () => [new Uint8Array(bytes)] };
  };
  const metadata = new Map<string, WritableValue>([
    ["general.architecture", { kind: "string", value: "llama" }],
    ["general.type", { kind: "string", value: "adapter" }],
    ["adapter.type", { kind: "string", value: "lora" }],
    ["adapter.lora.alpha", { kind: "float32", value: 1 }],
  ]);
  const tensors = Array.from({ length: layers }, (_, layer) => [
    tensor(`blk.${layer}.attn_q.weight.lora_a`, [width, rank]),
    tensor(`blk.${layer}.attn_q.weight.lora_b`, [rank, width]),
  ]);
  return { metadata, tensors: tensors.flat() };
}

type Variant = { readonly source: string; readonly loras?: readonly LoraAdapter[]; readonly usesMmap?: boolean };

function load(agent: NodeAgent, model: string, { source, ...options }: Variant): Promise<ReplicaStatus> {
  const engine = { ...defaultEngineOptions, threads: 1, ...options };
  return agent.load(model, { model, source, slots: 1, contextLength: 256, engine, ...loadedInPlace }, forever);
}

/** Prompt and answer fill the context: every page of the weights is read. */
async function answer(agent: NodeAgent, replicaId: string, promptTokenIds: readonly number[]): Promise<number[]> {
  return [...(await runOn(agent, attemptOf(promptTokenIds, { replicaId, maxTokens: 8 }))).ids];
}

/** Bytes of a line of /proc/PID/smaps_rollup: Rss counts every page, Pss a page's share of each process that maps it. */
function rollup({ pid }: ReplicaStatus, line: "Rss" | "Pss"): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(new RegExp(`^${line}:\\s+(\\d+) kB$`, "m").exec(text)?.[1]) * 1024;
}

describe("two variants of one file that is not rearranged", { skip: process.platform !== "linux" }, () => {
  test("have the weights in memory once, and their own parts within what is reserved", async (t) => {
    const source = write("135m.gguf", randomModel("135m", "F16"));
    const path = write("adapter.gguf", blankAdapter(64));
    const agent = startAgent(folder.path);
    t.after(() => agent.close());
    const plain = await load(agent, "plain", { source });
    const variant = await load(agent, "variant", { source, loras: [{ path, scale: 1 }] });
    const prompt = Array.from({ length: 240 }, (_, i) => 260 + (i % 90));
    for (const { replicaId } of [plain, variant]) assert.equal((await answer(agent, replicaId, prompt)).length, 8);
    const weights = plain.memory.mappedBytes ?? 0;
    const reserved = heldBytes([plain.memory, variant.memory]);
    const privates = privateBytes(plain.memory) + privateBytes(variant.memory);
    const [together, apart] = (["Pss", "Rss"] as const).map((line) => rollup(plain, line) + rollup(variant, line));
    const megabytes = (bytes = 0): string => `${(bytes / 1e6).toFixed(0)} MB`;
    t.diagnostic(
      `weights ${megabytes(weights)}, own parts ${megabytes(privates)}, reserved ${megabytes(reserved)}; ` +
        `resident together ${megabytes(together)}, one by one ${megabytes(apart)}`,
    );
    assert.ok(weights > 250e6 && together !== undefined && apart !== undefined);
    assert.ok(together < 1.3 * weights + privates);
    assert.ok(together <= reserved);
    // Each has all of the weights: counted for each alone they would be more than is reserved.
    assert.ok(apart > together + 0.9 * weights);
  });
});

describe("a node whose budget has room for the weights once", () => {
  const source = write("branching.gguf", branchingModel());
  const loras = [{ path: write("branching-adapter.gguf", branchingAdapter(characterTokenId("z"), 40)), scale: 1 }];

  /** What a replica of the file needs alone. */
  async function needs(): Promise<ReplicaStatus["memory"]> {
    const agent = startAgent(folder.path);
    try {
      return (await load(agent, "measured", { source, loras })).memory;
    } finally {
      await agent.close();
    }
  }

  test("takes a variant by whatever path, refuses a copy, and gives the weights back with the last", async (t) => {
    const memory = await needs();
    const added = addedBytes(memory, [memory]);
    assert.ok(added < totalBytes(memory));
    const budgetBytes = totalBytes(memory) + 2 * added;
    const agent = startAgent(folder.path, budgetBytes);
    t.after(() => agent.close());
    const [copy, link] = ["copy.gguf", "link.gguf"].map((name) => join(folder.path, name));
    assert.ok(copy !== undefined && link !== undefined);
    copyFileSync(source, copy);
    linkSync(source, link);
    await load(agent, "first", { source, loras });
    await load(agent, "second", { source, loras });
    await assert.rejects(load(agent, "copied", { source: copy, loras }), { code: "insufficient_memory" });
    const reading = load(agent, "reading", { source, loras, usesMmap: false });
    await assert.rejects(reading, { code: "insufficient_memory" });
    await load(agent, "linked", { source: link, loras });
    assert.equal(agent.status().capacity.freeBytes, 0);
    await agent.unload("first");
    await agent.unload("second");
    assert.equal(agent.status().capacity.freeBytes, 2 * added);
    await agent.unload("linked");
    assert.equal(agent.status().capacity.freeBytes, budgetBytes);
  });

  test("counts adapters, and refuses missing ones by name", async (t) => {
    const directory = join(folder.path, "states");
    mkdirSync(directory);
    const agent = startAgent(directory);
    t.after(() => agent.close());
    const plain = await load(agent, "plain", { source });
    const variant = await load(agent, "variant", { source, loras });
    const path = loras[0]?.path ?? "";
    assert.equal(variant.memory.weightsBytes - plain.memory.weightsBytes, readFileSync(path).length);
    const missing = load(agent, "missing", { source, loras: [{ path: `${path}.not`, scale: 1 }] });
    await assert.rejects(missing, { code: "not_found", message: /no adapter .*\.not / });
    const z = characterTokenId("z");
    assert.deepEqual(
      await answer(agent, "variant", [1, z]),
      Array.from({ length: 8 }, () => z),
    );
    assert.notDeepEqual(
      await answer(agent, "plain", [1, z]),
      Array.from({ length: 8 }, () => z),
    );
  });
});

test("states are kept apart by the adapters that made them", () => {
  const limits = { directory: folder.path, diskBytes: 1e9, diskWriteBytesPerDay: 1e9 };
  const memory = { weightsBytes: 0, kvBytes: 4096, computeBytes: 0, processBytes: 0 };
  const options = { ...defaultEngineOptions, threads: 1 };
  const model = { digest: "a".repeat(64), build: "b", contextLength: 256, slots: 1, options, memory };
  const adapter = (letter: string, scale: number) => ({ digest: letter.repeat(64), scale });
  const [one, half, other] = [adapter("c", 1), adapter("c", 0.5), adapter("d", 1)];
  const stacks = [[], [one], [half], [other], [one, other], [other, one]];
  const directories = stacks.map((adapters) => stateStoreSpec(limits, { ...model, adapters }).directory);
  assert.equal(new Set(directories).size, stacks.length);
  assert.equal(stateStoreSpec(limits, { ...model, adapters: [{ ...one }] }).directory, directories[1]);
});
