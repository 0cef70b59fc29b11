// What models take in the real engine, against what is estimated from their headers.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { EngineLoadSpec, EngineReplica } from "@pomona/node-agent/engine/engine";
import { defaultEngineOptions, type EngineOptions } from "@pomona/shared/core/engine-options";
import {
  type BlueprintArchitecture,
  blueprintArchitectures,
  type ModelSize,
} from "@pomona/shared/core/gguf/blueprints";
import { type RandomSize, randomModel } from "@pomona/shared/core/gguf/random-model";
import { type RelevanceArchitecture, relevanceModel } from "@pomona/shared/core/gguf/relevance-model";
import { blankModel, filledModel } from "@pomona/shared/core/gguf/sized-models";
import { type GgufModel, writeGguf } from "@pomona/shared/core/gguf/writer";
import { savedStateBytes } from "@pomona/shared/core/memory/kept-states";
import { estimateReplicaMemory, type ModelShape, modelShapeOf } from "@pomona/shared/core/model-memory";
import { type ReplicaMemory, totalBytes } from "@pomona/shared/core/replica-memory";
import { readGgufHeader } from "@pomona/shared/runtime/gguf-file";
import { getLlama, type Llama, type LlamaContextOptions, LlamaLogLevel, type LlamaModel } from "node-llama-cpp";
import { attemptOf, start } from "../support/attempts.ts";
import { EngineModels } from "../support/engine-models.ts";

const engineModels = new EngineModels();
let llama: Llama;

before(async () => {
  llama = await getLlama({ gpu: false, build: "never", maxThreads: 1, logLevel: LlamaLogLevel.error });
});

after(async () => {
  await llama?.dispose();
  engineModels.remove();
});

type Load = { readonly context: number; readonly slots: number } & Partial<EngineOptions>;

const contexts = [512, 2048, 8192] as const;
const slotCounts = [1, 3, 8] as const;
const variants: readonly Load[] = [
  { context: 2048, slots: 4, batchSize: 64 },
  { context: 2048, slots: 1, hasFlashAttention: false },
  { context: 2048, slots: 4, kvType: "q8_0" },
  { context: 2048, slots: 4, kvType: "q4_0" },
];
const loads: readonly Load[] = [
  ...contexts.flatMap((context) => slotCounts.map((slots) => ({ context, slots }))),
  ...variants,
];

function writeModel(name: string, model: GgufModel): string {
  const path = join(engineModels.folder, `${name}.gguf`);
  writeFileSync(path, writeGguf(model));
  return path;
}

async function shapeOf(path: string): Promise<ModelShape> {
  const { header, fileBytes } = await readGgufHeader(path, AbortSignal.timeout(10_000));
  return modelShapeOf(header, fileBytes);
}

/** Bytes of KV and compute buffer. */
function estimated(shape: ModelShape, { context, slots, ...options }: Load): number {
  const engine = { ...defaultEngineOptions, ...options };
  const memory = estimateReplicaMemory(shape, { contextLength: context, slots, engine, gpu: "cpu" });
  return memory.kvBytes + memory.computeBytes;
}

const ggmlTypes = { f16: "F16", q8_0: "Q8_0", q4_0: "Q4_0" } as const;

/** The same, as the engine reserves it. */
async function reported(model: LlamaModel, { context: contextSize, slots, ...options }: Load): Promise<number> {
  const { batchSize, hasFlashAttention, kvType } = { ...defaultEngineOptions, ...options };
  const settings: LlamaContextOptions = {
    contextSize,
    sequences: slots,
    batchSize,
    threads: 1,
    flashAttention: hasFlashAttention,
    experimentalKvCacheKeyType: ggmlTypes[kvType],
    experimentalKvCacheValueType: ggmlTypes[kvType],
    failedCreationRemedy: false,
  };
  const context = await model.createContext(settings);
  const { ram, vram } = context.memoryUsage;
  await context.dispose();
  return ram + vram;
}

/** Their graphs are not known step by step. */
const isBounded: ReadonlySet<BlueprintArchitecture> = new Set(["deepseek2", "bert"]);

type Comparison = { readonly load: Load; readonly ratio: number };

/** Estimate over report of KV and compute, with the weights where they are asked for. */
async function compare(path: string, tested: readonly Load[], withWeights: boolean): Promise<Comparison[]> {
  const shape = await shapeOf(path);
  const model = await llama.loadModel({ modelPath: path });
  const padding = shape.weights.tensorBytes - model.size;
  assert.ok(padding >= 0 && padding <= 0.001 * model.size, `weights of ${model.size} with ${padding} of padding`);
  const weights = withWeights ? model.size : 0;
  const comparisons: Comparison[] = [];
  for (const load of tested) {
    const ratio = (estimated(shape, load) + weights) / ((await reported(model, load)) + weights);
    comparisons.push({ load, ratio });
  }
  await model.dispose();
  return comparisons;
}

function describeComparison(name: string, { load, ratio }: Comparison): string {
  return `${name} ${JSON.stringify(load)}: estimated ${(ratio * 100).toFixed(2)} % of what is reported`;
}

describe("what the engine reports", () => {
  // The engine zeroes all KV, so that the larger model gets no large contexts here.
  const small = loads.filter(({ context, slots }) => context * slots <= 8192);
  const cases: [RandomSize, "F16" | "Q8_0" | "Q4_0", readonly Load[]][] = [
    ["25m", "F16", loads],
    ["25m", "Q8_0", small],
    ["25m", "Q4_0", small],
    ["135m", "Q4_0", small],
  ];
  for (const [size, type, tested] of cases) {
    test(`is estimated within 2 % for ${size} in ${type}`, async (context) => {
      const name = `random-${size}-${type}`;
      const comparisons = await compare(writeModel(name, randomModel(size, type)), tested, true);
      for (const comparison of comparisons) {
        const message = describeComparison(name, comparison);
        assert.ok(Math.abs(comparison.ratio - 1) <= 0.02, message);
        context.diagnostic(message);
      }
    });
  }

  for (const architecture of blueprintArchitectures) {
    const most = isBounded.has(architecture) ? 3 : 1;
    test(`is estimated ${most === 1 ? "to the byte" : "from above"} for ${architecture}`, async (context) => {
      const comparisons = await compare(writeModel(architecture, blankModel(architecture)), loads, false);
      for (const comparison of comparisons) {
        const message = describeComparison(architecture, comparison);
        assert.ok(comparison.ratio >= 1 && comparison.ratio <= most, message);
        context.diagnostic(message);
      }
    });
  }
});

describe("what a ranker takes beside its slots", { skip: process.platform !== "linux" }, () => {
  const cases: [RelevanceArchitecture, number][] = [
    ["qwen3", 64],
    ["qwen3", 2048],
    ["qwen3", 8192],
    ["bert", 2048],
  ];
  for (const [architecture, embeddingLength] of cases) {
    test(`is below the estimate for ${architecture} and inputs of ${embeddingLength} tokens`, async (context) => {
      const name = `ranker-${architecture}`;
      const model = () => relevanceModel({ architecture, contextLength: 8192 });
      const options = { ...defaultEngineOptions, threads: 1, embeddingLength };
      const replica = await engineModels.load(name, model, { contextLength: 256, slots: 1, options });
      try {
        const signal = AbortSignal.timeout(60_000);
        // Four tokens stand beside the texts.
        await replica.rank("q", ["x".repeat(embeddingLength - 5)], signal);
        const shape = await shapeOf(join(engineModels.folder, `${name}.gguf`));
        const placed = { contextLength: 256, slots: 1, engine: options, gpu: "cpu" } as const;
        context.diagnostic(checkResident(estimateReplicaMemory(shape, placed), replica));
      } finally {
        await replica.close();
      }
    });
  }
});

/** VmRSS: anonymous pages and those of mapped files. */
function residentBytes(pid: number | null): number {
  assert.ok(pid !== null, "the engine runs in a worker");
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1]) * 1024;
}

/** One prompt after the other, each in every slot at once, as shares of the context; `first` tells them apart. */
async function fill(replica: EngineReplica, shares: readonly number[], first = 0): Promise<void> {
  const { contextLength, slots } = replica.info;
  for (const share of shares) {
    const length = Math.floor(share * (contextLength - 8));
    const prompt = (slot: number): number[] => [
      300 + first + slot,
      ...Array.from({ length }, (_, i) => 260 + (i % 90)),
    ];
    const run = (_: unknown, slot: number) => start(replica, attemptOf(prompt(slot), { maxTokens: 4 })).done;
    const answers = await Promise.all(Array.from({ length: slots }, run));
    for (const { ending } of answers) assert.equal(ending.failure, null);
  }
}

/** What stands in the engine is never more than the estimate, and the estimate at most a quarter more. */
function checkResident(memory: ReplicaMemory, replica: EngineReplica): string {
  const resident = residentBytes(replica.info.pid);
  const estimate = totalBytes(memory);
  const message =
    `resident ${(resident / 1e6).toFixed(1)} MB, estimated ${(estimate / 1e6).toFixed(1)} MB, ` +
    `${((100 * estimate) / resident).toFixed(1)} %`;
  assert.ok(estimate >= resident && estimate <= 1.25 * resident, message);
  return message;
}

type Placed = { readonly contextLength: number; readonly slots: number; readonly options: EngineLoadSpec["options"] };

/** A replica as a node loads it, with room for what it remembers, and what is estimated for it. */
async function loadPlaced(name: string, model: () => GgufModel, placed: Placed) {
  const path = engineModels.write(name, model);
  const { contextLength, slots, options: engine } = placed;
  const memory = estimateReplicaMemory(await shapeOf(path), { contextLength, slots, engine, gpu: "cpu" });
  const stateStore = {
    directory: `${path}-states`,
    ramBytes: savedStateBytes(memory, slots),
    diskBytes: 0,
    diskWriteBytesPerDay: 0,
    kvBytesPerToken: memory.kvBytes / (contextLength * slots),
  };
  return { memory, replica: await engineModels.load(name, model, { ...placed, stateStore }) };
}

const oneThread = { ...defaultEngineOptions, threads: 1 };

describe("what architectures take with a full context in every slot", { skip: process.platform !== "linux" }, () => {
  // 35 to 100 MB of weights, 1 to 50 MB of KV and states.
  const base = {
    layers: 6,
    width: 512,
    feedForward: 768,
    heads: 8,
    kvHeads: 8,
    headWidth: 64,
    vocabulary: 4096,
    window: 256,
  };
  const cases: [string, BlueprintArchitecture, Partial<ModelSize>][] = [
    ["as many heads of keys as of queries", "llama", base],
    ["grouped queries", "llama", { ...base, kvHeads: 2 }],
    ["a mixture of experts", "qwen3moe", { ...base, kvHeads: 4, experts: 16, expertsUsed: 2, expertWidth: 256 }],
    ["sliding windows", "gemma3", { ...base, kvHeads: 4 }],
    ["convolutions beside attention", "lfm2", base],
    ["a state alone", "mamba", { ...base, layers: 4 }],
  ];
  for (const [what, architecture, size] of cases) {
    for (const contextLength of [512, 1024, 2048]) {
      test(`is estimated: ${what}, ${architecture} with ${contextLength} tokens`, async (context) => {
        const placed = { contextLength, slots: 2, options: oneThread };
        const { memory, replica } = await loadPlaced(
          `${architecture}-${size.kvHeads}`,
          () => filledModel(architecture, size),
          placed,
        );
        try {
          const { weightsBytes, kvBytes } = replica.info.memory;
          const ratio = (memory.weightsBytes + memory.kvBytes + memory.computeBytes) / (weightsBytes + kvBytes);
          assert.ok(Math.abs(ratio - 1) <= 0.02, `estimated ${ratio} of what is reported`);
          context.diagnostic(`estimated ${(100 * ratio).toFixed(2)} % of what is reported`);
          await fill(replica, [1]);
          context.diagnostic(checkResident(memory, replica));
          if (contextLength > 512) return;
          // Other prompts drive the first ones out of their slots: what there is room for is remembered.
          for (const [index, share] of [0.5, 0.5, 1].entries()) await fill(replica, [share], 10 * (index + 1));
          context.diagnostic(checkResident(memory, replica));
        } finally {
          await replica.close();
        }
      });
    }
  }
});

describe("what other ways to load a model take", { skip: process.platform !== "linux" }, () => {
  const q4 = (): GgufModel => randomModel("25m", "Q4_0");
  const four = { contextLength: 512, slots: 4, options: oneThread };
  const eight = { contextLength: 256, slots: 8, options: oneThread };
  const growing = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1];
  // Large weights: what a worker takes by itself differs by some megabytes from run to run.
  const gemma3 = (): GgufModel => blankModel("gemma3", { feedForward: 8192 });
  const cases: [string, () => GgufModel, Placed, readonly number[]][] = [
    ["rearranged", q4, four, [1]],
    ["read", q4, { ...eight, options: { ...oneThread, usesMmap: false } }, [1]],
    ["a large vocabulary", () => randomModel("135m", "Q4_0"), eight, [1]],
    ["prompts that grow", gemma3, { contextLength: 1024, slots: 2, options: oneThread }, growing],
  ];
  for (const [what, model, placed, shares] of cases) {
    test(`is estimated: ${what}`, async (context) => {
      const { memory, replica } = await loadPlaced(what.replaceAll(" ", "-"), model, placed);
      try {
        await fill(replica, shares);
        context.diagnostic(checkResident(memory, replica));
      } finally {
        await replica.close();
      }
    });
  }
});
