import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultEngineOptions } from "./engine-options.ts";
import { countingModel } from "./gguf/counting-model.ts";
import { randomModel } from "./gguf/random-model.ts";
import { parseGgufHeader } from "./gguf/reader.ts";
import { type GgufModel, ggufBytes, ggufChunks, type WritableValue, writeGguf } from "./gguf/writer.ts";
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

const replica = { contextLength: 4096, slots: 4, engine: defaultEngineOptions, gpu: "cpu" } as const;

test("a model of 135M parameters needs what was measured", () => {
  const shape = shapeOf(randomModel("135m", "F16"));
  assert.equal(shape.kvBytesPerToken, 22.5 * 1024);
  assert.equal(shape.layers, 30);
  assert.equal(shape.vocabularySize, 49_152);
  assert.equal(shape.repackedBytes, 0);
  const memory = estimateReplicaMemory(shape, replica);
  assert.equal(memory.kvBytes, 360 * 2 ** 20);
  // 98 to 102 MiB were measured.
  assert.ok(Math.abs(memory.computeBytes / 2 ** 20 - 101.8) < 0.1);
  assert.ok(totalBytes(memory) > 270e6 + 377e6 + 100e6);
});

test("weights of Q4_0 count twice on a CPU, without the embeddings, and once on a GPU", () => {
  const shape = shapeOf(randomModel("25m", "Q4_0"));
  const embeddings = (8192 * 384 * 18) / 32;
  assert.ok(shape.repackedBytes > 0.8 * (shape.weightsBytes - embeddings));
  assert.ok(shape.repackedBytes < shape.weightsBytes - embeddings);
  const cpu = estimateReplicaMemory(shape, replica);
  const gpu = estimateReplicaMemory(shape, { ...replica, gpu: "metal" });
  assert.equal(cpu.weightsBytes - gpu.weightsBytes, shape.repackedBytes);
  assert.equal(gpu.weightsBytes, shape.weightsBytes);
  assert.ok(shapeOf(randomModel("135m", "Q4_0")).repackedBytes > (49_152 * 576 * 18) / 32, "tied embeddings count");
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
    ["llama.context_length", { kind: "string", value: "long" }, /"llama.context_length" is a string/],
    ["llama.attention.head_count_kv", { kind: "int32s", values: [1, 2] }, /an array of 2/],
    ["llama.attention.head_count", { kind: "float32", value: 0.5 }, /"llama.attention.head_count" is 0.5/],
  ];
  for (const [key, value, message] of cases) {
    const bytes = withEntry(key, value);
    const parsed = parseGgufHeader(bytes, bytes.length);
    assert.ok(parsed.kind === "header");
    assert.throws(() => modelShapeOf(parsed.header, bytes.length), { code: "invalid_model", message });
  }
});

test("heads may differ from layer to layer", () => {
  const model = countingModel();
  const metadata = new Map(model.metadata).set("llama.attention.head_count_kv", { kind: "int32s", values: [1] });
  assert.equal(shapeOf({ ...model, metadata }).kvBytesPerToken, 64 * 2 * 2);
});
