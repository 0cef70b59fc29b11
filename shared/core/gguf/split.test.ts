import assert from "node:assert/strict";
import { test } from "node:test";
import { modelShapeOfHeaders } from "../model-headers.ts";
import { modelShapeOf } from "../model-memory.ts";
import { countingModel } from "./counting-model.ts";
import { parseGgufHeader } from "./reader.ts";
import { parseSplitName } from "./split.ts";
import { splitGguf } from "./split-model.ts";
import { writeGguf } from "./writer.ts";

const model = countingModel();
const whole = writeGguf(model);
const parts = splitGguf(model, 3).map(writeGguf);
const named = (files: readonly Uint8Array[]) => files.map((file, i) => ({ name: `m-${i}.gguf`, bytes: file.length }));

test("the parts of a split model have the shape of the whole one", () => {
  const parsed = parseGgufHeader(whole, whole.length);
  assert.equal(parsed.kind, "header");
  if (parsed.kind !== "header") return;
  const expected = modelShapeOf(parsed.header, whole.length);
  assert.deepEqual(modelShapeOfHeaders(named([whole]), [whole]), expected);
  const joined = modelShapeOfHeaders(named(parts), parts);
  // Each file is padded for itself.
  assert.ok(Math.abs(joined.weights.tensorBytes - expected.weights.tensorBytes) < 100);
  assert.deepEqual({ ...joined, weights: null }, { ...expected, weights: null });
});

test("a part alone, parts in another order, and parts of other models are refused with what is wrong", () => {
  const [first = whole, second = whole, third = whole] = parts;
  const foreign = splitGguf(countingModel({ variant: "cycle" }), 3).map(writeGguf);
  const cases: readonly (readonly [readonly Uint8Array[], RegExp])[] = [
    [[first], /m-0.gguf is a model of 3 files, and 1 of them is here/],
    [[first, third, second], /m-1.gguf stands where part 2 of 3 belongs, but it says that it is part 3 of 3/],
    [[second, first, third], /m-0.gguf stands where part 1 of 3 belongs/],
    [[first, second, first], /part 3 of 3 belongs, but it says that it is part 1/],
    [[whole, second, third], /m-0.gguf is a model of 1 files/],
    [[first, second, foreign[1] ?? whole], /part 3 of 3 belongs/],
    [[], /without any file/],
    [[first.subarray(0, 20), second, third], /m-0.gguf is a damaged GGUF file/],
  ];
  for (const [files, message] of cases)
    assert.throws(() => modelShapeOfHeaders(named(files), files), { code: "invalid_model", message });
  assert.throws(() => modelShapeOfHeaders(named([whole]), [whole.subarray(0, 40)]), {
    code: "invalid_model",
    message: /send all of it/,
  });
  assert.match(reasonOf(first), /one of 3 parts of a split model/);
});

function reasonOf(bytes: Uint8Array): string {
  const parsed = parseGgufHeader(bytes, bytes.length);
  return parsed.kind === "invalid" ? parsed.reason : parsed.kind;
}

test("names of parts are those of llama-gguf-split", () => {
  assert.deepEqual(parseSplitName("a-b-00002-of-00003.gguf"), { stem: "a-b", index: 1, count: 3 });
  for (const name of [
    "a.gguf",
    "a-00000-of-00003.gguf",
    "a-00004-of-00003.gguf",
    "a-1-of-3.gguf",
    "a-00001-of-00003.bin",
  ])
    assert.equal(parseSplitName(name), null, name);
});
