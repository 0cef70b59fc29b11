import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultEngineOptions, type EngineOptions } from "./engine-options.ts";
import type { BlueprintArchitecture } from "./gguf/blueprints.ts";
import { countingModel } from "./gguf/counting-model.ts";
import { type RandomSize, randomModel } from "./gguf/random-model.ts";
import { parseGgufHeader } from "./gguf/reader.ts";
import { blankModel } from "./gguf/sized-models.ts";
import { type GgufModel, ggufBytes, ggufChunks, type WritableValue, writeGguf } from "./gguf/writer.ts";
import { testHeader } from "./memory/test-header.ts";
import { contextLengthFor, estimateReplicaMemory, type ModelShape, modelShapeOf } from "./model-memory.ts";
import { totalBytes } from "./replica-memory.ts";

function shapeOf(model: GgufModel): ModelShape {
  // The header is the first chunk; the padding behind it does not matter.
  const [header = new Uint8Array()] = ggufChunks(model);
  const fileBytes = ggufBytes(model);
  const parsed = parseGgufHeader(header, fileBytes);
  if (parsed.kind !== "header") throw new Error(JSON.stringify(parsed));
  return modelShapeOf(parsed.header, fileBytes);
}

/** The figures below were measured with batches of this length. */
const measuredOptions: EngineOptions = { ...defaultEngineOptions, batchSize: 512 };
const replica = { contextLength: 4096, slots: 4, engine: measuredOptions, gpu: "cpu" } as const;
const quietly = { hasFlashAttention: false } as const;

type Load = { readonly context: number; readonly slots: number } & Partial<EngineOptions>;

test("KV and the compute buffer of Llama's graph are what the engine reports, to the byte", () => {
  const whole = { context: 2048, slots: 4 };
  // Bytes that llama.cpp v0.4.0 reported; its figure for KV follows from layers, heads and context alone.
  const cases: [RandomSize, Load, number, number][] = [
    ["25m", { context: 512, slots: 1 }, 3_145_728, 18_352_128],
    ["25m", { context: 8192, slots: 8 }, 402_653_184, 18_352_128],
    ["25m", { ...whole, batchSize: 64 }, 50_331_648, 2_294_016],
    ["25m", { ...whole, ...quietly }, 50_331_648, 33_826_816],
    ["135m", { context: 512, slots: 1 }, 11_796_480, 103_024_640],
    ["135m", { context: 2048, slots: 1 }, 47_185_920, 107_493_376],
    ["135m", { context: 8192, slots: 4 }, 754_974_720, 103_024_640],
    ["135m", { ...whole, batchSize: 64 }, 188_743_680, 13_436_672],
    ["135m", { ...whole, ...quietly }, 188_743_680, 104_204_288],
  ];
  for (const [size, { context, slots, ...options }, kvBytes, computeBytes] of cases) {
    const engine = { ...measuredOptions, ...options };
    const memory = estimateReplicaMemory(shapeOf(randomModel(size, "F16")), {
      ...replica,
      contextLength: context,
      slots,
      engine,
    });
    assert.deepEqual([memory.kvBytes, memory.computeBytes], [kvBytes, computeBytes], `${size} ${context} x ${slots}`);
  }
});

test("KV of eight and four bits is that much smaller, and only the rotations come on top", () => {
  const at = (kvType: EngineOptions["kvType"]) =>
    estimateReplicaMemory(shapeOf(randomModel("25m", "F16")), {
      ...replica,
      engine: { ...measuredOptions, kvType },
    });
  const whole = at("f16");
  for (const [kvType, share] of [
    ["q8_0", 34 / 64],
    ["q4_0", 18 / 64],
  ] as const) {
    assert.equal(at(kvType).kvBytes, whole.kvBytes * share);
    const more = at(kvType).computeBytes / whole.computeBytes;
    assert.ok(more >= 1 && more < 1.1, `${kvType} ${more}`);
  }
});

test("other architectures keep what the engine says they keep", () => {
  // KV and states of two slots of 2,048 tokens, as the engine reported them.
  const cases: [BlueprintArchitecture, number][] = [
    // Five windows of 256 + 513 tokens, padded to 1,024, and one whole context: 64 keys and values of 2 bytes.
    ["gemma3", 2 * (5 * 1024 + 2048) * 2 * 64 * 2],
    // Six states of (4 - 1) x 256 and 16 x 256 numbers.
    ["mamba", 2 * 6 * (3 * 256 + 16 * 256) * 4],
    // Three contexts, three states of two tokens.
    ["lfm2", 2 * (3 * 2048 * 2 * 64 * 2 + 3 * 2 * 128 * 4)],
    // A compressed key of 96 numbers with 32 rotated ones.
    ["deepseek2", 2 * 6 * 2048 * 128 * 2],
    ["bert", 0],
  ];
  for (const [architecture, kvBytes] of cases) {
    const shape = shapeOf(blankModel(architecture));
    const memory = estimateReplicaMemory(shape, { ...replica, contextLength: 2048, slots: 2 });
    assert.equal(memory.kvBytes, kvBytes, architecture);
  }
});

test("models that many people have need what they need", () => {
  const header = (architecture: string, figures: Record<string, number>) =>
    modelShapeOf(
      testHeader({ architecture, figures: { context_length: 131_072, ...figures }, vocabularySize: 128_256 }),
      0,
    );
  const llama8b = header("llama", {
    block_count: 32,
    embedding_length: 4096,
    feed_forward_length: 14_336,
    "attention.head_count": 32,
    "attention.head_count_kv": 8,
  });
  const gptOss = header("gpt-oss", {
    block_count: 24,
    embedding_length: 2880,
    "attention.head_count": 64,
    "attention.head_count_kv": 8,
    "attention.key_length": 64,
    "attention.value_length": 64,
    "attention.sliding_window": 128,
    expert_count: 32,
    expert_used_count: 4,
    expert_feed_forward_length: 2880,
  });
  const at = (shape: ModelShape) => estimateReplicaMemory(shape, { ...replica, contextLength: 8192, slots: 1 });
  assert.equal(at(llama8b).kvBytes, 8192 * 128 * 1024);
  assert.ok(at(llama8b).computeBytes > 512 * 128_256 * 4 && at(llama8b).computeBytes < 1.15 * 512 * 128_256 * 4);
  assert.equal(at(gptOss).kvBytes, (12 * 8192 + 12 * 768) * 2 * 8 * 64 * 2);
});

test("weights that a CPU rearranges count twice while their file is mapped, without embeddings, and once on a GPU", () => {
  const untied = shapeOf(randomModel("25m", "Q4_0"));
  const tied = shapeOf(randomModel("135m", "Q4_0"));
  const embedding = (49_152 * 576 * 18) / 32;
  const norms = (shape: ModelShape): number => shape.weights.tensorBytes - shape.weights.repackedBytes.x64;
  assert.ok(norms(tied) < 200_000, "all but the norms, the tied embedding included");
  assert.ok(norms(untied) > (8192 * 384 * 18) / 32 && norms(untied) < (8192 * 384 * 18) / 32 + 100_000);
  const { tensorBytes, repackedBytes } = tied.weights;
  const unmapped = { ...measuredOptions, usesMmap: false };
  const locked = { ...measuredOptions, usesMlock: true };
  const partly = { ...measuredOptions, gpuLayers: 0 };
  const cases: [Partial<Parameters<typeof estimateReplicaMemory>[1]>, number][] = [
    [{}, tensorBytes + repackedBytes.x64],
    [{ engine: unmapped }, tensorBytes + embedding],
    [{ engine: locked }, tensorBytes + embedding],
    [{ gpu: "metal" }, tensorBytes],
    [{ gpu: "metal", engine: unmapped }, tensorBytes + embedding],
    [{ gpu: "metal", engine: partly }, tensorBytes + repackedBytes.arm64],
  ];
  for (const [changes, bytes] of cases) {
    assert.equal(estimateReplicaMemory(tied, { ...replica, ...changes }).weightsBytes, bytes, JSON.stringify(changes));
  }
  const eightBits = shapeOf(randomModel("25m", "Q8_0")).weights;
  assert.equal(eightBits.repackedBytes.x64, 0);
  assert.ok(eightBits.repackedBytes.arm64 > 0);
});

test("a context for embeddings makes and keeps logits of every token", () => {
  const shape = shapeOf(randomModel("135m", "F16"));
  const at = (embeddingLength: number): number =>
    totalBytes(estimateReplicaMemory(shape, { ...replica, engine: { ...measuredOptions, embeddingLength } }));
  // 236 MB more were measured, with one slot of 512 tokens beside it.
  const more = at(512) - at(0);
  assert.ok(more > 220e6 && more < 250e6, String(more));
});

test("a large vocabulary makes a large process", () => {
  const process = (vocabularySize: number): number => {
    const figures = { block_count: 1, embedding_length: 64, context_length: 512, "attention.head_count": 1 };
    const shape = modelShapeOf(testHeader({ architecture: "llama", figures, vocabularySize }), 0);
    return estimateReplicaMemory(shape, replica).processBytes;
  };
  // 92 to 95 MB more were measured without merges; the library leaves some of it for its next collection.
  const more = process(150_000) - process(8000);
  assert.ok(more > 95e6 && more < 160e6, String(more));
});

test("a context is padded to 256", () => {
  const shape = shapeOf(countingModel());
  const at = (contextLength: number): number => estimateReplicaMemory(shape, { ...replica, contextLength }).kvBytes;
  assert.equal(at(1), at(256));
  assert.equal(at(257), 2 * at(256));
});

test("a context that nobody names is the trained one, 8,192 at most", () => {
  assert.equal(contextLengthFor(shapeOf(countingModel({ contextLength: 2048 })), null), 2048);
  assert.equal(contextLengthFor(shapeOf(countingModel({ contextLength: 65_536 })), null), 8192);
  assert.equal(contextLengthFor(shapeOf(countingModel()), 100), 100);
});

test("figures that are missing or absurd are refused by name", () => {
  const withEntry = (key: string, value: WritableValue | null): Uint8Array => {
    const model = countingModel();
    const metadata = new Map(model.metadata);
    if (value === null) metadata.delete(key);
    else metadata.set(key, value);
    return writeGguf({ ...model, metadata });
  };
  const cases: [string, WritableValue | null, RegExp][] = [
    ["llama.block_count", null, /"llama.block_count" is missing/],
    ["llama.block_count", { kind: "uint32", value: 100_000 }, /"llama.block_count" is 100000/],
    ["llama.block_count", { kind: "uint32", value: 0 }, /"llama.block_count" is 0/],
    ["llama.context_length", { kind: "string", value: "long" }, /"llama.context_length" is a string/],
    ["llama.attention.head_count_kv", { kind: "int32s", values: [1, 2] }, /an array of 2/],
    ["llama.attention.head_count", { kind: "float32", value: 0.5 }, /"llama.attention.head_count" is 0.5/],
    ["llama.attention.sliding_window", { kind: "float32", value: -1 }, /"llama.attention.sliding_window" is -1/],
  ];
  for (const [key, value, message] of cases) {
    const bytes = withEntry(key, value);
    const parsed = parseGgufHeader(bytes, bytes.length);
    assert.ok(parsed.kind === "header");
    assert.throws(() => modelShapeOf(parsed.header, bytes.length), { code: "invalid_model", message });
  }
});
