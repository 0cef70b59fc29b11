// What models take in the real engine, against what is estimated from their headers.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { defaultEngineOptions, type EngineOptions } from "@pomona/shared/core/engine-options";
import { type BlueprintArchitecture, blueprintArchitectures } from "@pomona/shared/core/gguf/blueprints";
import { type RandomSize, randomModel } from "@pomona/shared/core/gguf/random-model";
import { type RelevanceArchitecture, relevanceModel } from "@pomona/shared/core/gguf/relevance-model";
import { blankModel } from "@pomona/shared/core/gguf/sized-models";
import { type GgufModel, writeGguf } from "@pomona/shared/core/gguf/writer";
import { estimateReplicaMemory, type ModelShape, modelShapeOf } from "@pomona/shared/core/model-memory";
import { totalBytes } from "@pomona/shared/core/replica-memory";
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
const slotCounts = [1, 4, 8] as const;
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
        const resident = residentBytes(replica.info.pid ?? 0);
        const placed = { contextLength: 256, slots: 1, engine: options, gpu: "cpu" } as const;
        const estimate = totalBytes(estimateReplicaMemory(shape, placed));
        const message = `resident ${(resident / 1e6).toFixed(1)} MB, estimated ${(estimate / 1e6).toFixed(1)} MB`;
        assert.ok(estimate >= resident && estimate <= 1.35 * resident, message);
        context.diagnostic(message);
      } finally {
        await replica.close();
      }
    });
  }
});

type Resident = {
  readonly name: string;
  readonly model: () => GgufModel;
  readonly load: Load;
  /** The estimate is at most so many times what is resident. */
  readonly most: number;
  /** Lengths of the prompts one after the other, as shares of the context. */
  readonly turns?: readonly number[];
};

/** VmRSS: anonymous pages and those of mapped files. */
function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1]) * 1024;
}

describe("what is resident after a full context in every slot", { skip: process.platform !== "linux" }, () => {
  const q4 = (): GgufModel => randomModel("25m", "Q4_0");
  // Large weights: what a worker takes by itself differs by some megabytes from run to run.
  const gemma3 = (): GgufModel => blankModel("gemma3", { feedForward: 8192 });
  const mamba = (): GgufModel => blankModel("mamba");
  // What is estimated and not resident is above all the part of the compute buffer that is for logits: a run touches
  // one token of it a slot.
  const growing = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1];
  const cases: readonly Resident[] = [
    { name: "F16", model: () => randomModel("25m", "F16"), load: { context: 512, slots: 4 }, most: 1.25 },
    { name: "Q8_0", model: () => randomModel("25m", "Q8_0"), load: { context: 512, slots: 4 }, most: 1.25 },
    { name: "Q4_0", model: q4, load: { context: 512, slots: 4 }, most: 1.25 },
    { name: "Q4_0-read", model: q4, load: { context: 256, slots: 8, usesMmap: false }, most: 1.25 },
    { name: "large", model: () => randomModel("135m", "Q4_0"), load: { context: 256, slots: 4 }, most: 1.25 },
    { name: "gemma3", model: gemma3, load: { context: 1024, slots: 2 }, most: 1.25, turns: growing },
    { name: "mamba", model: mamba, load: { context: 512, slots: 2 }, most: 1.25, turns: growing },
  ];
  for (const { name, model, load, most, turns = [1] } of cases) {
    test(`is below the estimate: ${name} ${JSON.stringify(load)}`, async (context) => {
      const { context: contextLength, slots, ...changes } = load;
      const options = { ...defaultEngineOptions, ...changes, threads: 1 };
      const replica = await engineModels.load(`resident-${name}`, model, { contextLength, slots, options });
      try {
        for (const share of turns) {
          const prompt = Array.from({ length: Math.floor(share * (contextLength - 8)) }, (_, i) => 260 + (i % 90));
          const run = () => start(replica, attemptOf(prompt, { maxTokens: 4 })).done;
          const answers = await Promise.all(Array.from({ length: slots }, run));
          for (const { ending } of answers) assert.equal(ending.failure, null);
        }
        const shape = await shapeOf(join(engineModels.folder, `resident-${name}.gguf`));
        assert.ok(replica.info.pid !== null);
        const resident = residentBytes(replica.info.pid ?? 0);
        const estimate = totalBytes(
          estimateReplicaMemory(shape, { contextLength, slots, engine: options, gpu: "cpu" }),
        );
        const message = `resident ${(resident / 1e6).toFixed(1)} MB, estimated ${(estimate / 1e6).toFixed(1)} MB`;
        assert.ok(estimate >= resident && estimate <= most * resident, message);
        context.diagnostic(message);
      } finally {
        await replica.close();
      }
    });
  }
});
