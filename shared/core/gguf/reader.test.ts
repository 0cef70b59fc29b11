import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { countingModel } from "./counting-model.ts";
import { randomModel } from "./random-model.ts";
import { type GgufParse, ggufLimits, parseGgufHeader } from "./reader.ts";
import { type GgufModel, ggufBytes, ggufChunks, type WritableValue, writeGguf } from "./writer.ts";

const file = writeGguf(countingModel());
const whole = headerOf(parseGgufHeader(file, file.length));

function headerOf(parsed: GgufParse): Extract<GgufParse, { kind: "header" }>["header"] {
  assert.equal(parsed.kind, "header", JSON.stringify(parsed));
  return (parsed as Extract<GgufParse, { kind: "header" }>).header;
}

function reasonOf(parsed: GgufParse): string {
  return parsed.kind === "invalid" ? parsed.reason : parsed.kind;
}

/** A model with one small tensor and whatever metadata. */
function tinyModel(metadata: readonly (readonly [string, WritableValue])[] = []): GgufModel {
  return {
    metadata: new Map([["general.architecture", { kind: "string", value: "llama" }], ...metadata]),
    tensors: [{ name: "t", dimensions: [32], type: "F32", data: () => [new Uint8Array(128)] }],
  };
}

const value: fc.Arbitrary<WritableValue> = fc.oneof(
  fc.record({ kind: fc.constant("uint32" as const), value: fc.nat() }),
  fc.record({ kind: fc.constant("float32" as const), value: fc.float({ noNaN: true }) }),
  fc.record({ kind: fc.constant("bool" as const), value: fc.boolean() }),
  fc.record({ kind: fc.constant("string" as const), value: fc.string({ unit: "grapheme" }) }),
  fc.record({ kind: fc.constant("strings" as const), values: fc.array(fc.string()) }),
  fc.record({ kind: fc.constant("int32s" as const), values: fc.array(fc.integer()) }),
);

test("what the writer writes, the reader reads", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ minLength: 1 }), value, { noNullPrototype: true }), (entries) => {
      const metadata = Object.entries(entries).map(([key, entry]) => [`x.${key}`, entry] as const);
      const bytes = writeGguf(tinyModel(metadata));
      const header = headerOf(parseGgufHeader(bytes, bytes.length));
      assert.deepEqual(header.tensors, [{ name: "t", dimensions: [32], type: "F32", bytes: 128 }]);
      assert.equal(header.dataOffset + 128, bytes.length);
      for (const [key, entry] of metadata) {
        const read = header.metadata.get(key);
        if (entry.kind === "strings") {
          assert.deepEqual(read, { kind: "array", elementType: "string", count: entry.values.length, numbers: null });
        } else if (entry.kind === "int32s") {
          const { values } = entry;
          assert.deepEqual(read, { kind: "array", elementType: "int32", count: values.length, numbers: values });
        } else if ("value" in entry) assert.equal(read, entry.value);
      }
    }),
  );
});

test("the beginning of a file asks for more until the header is there, and then reads the same", () => {
  for (let length = 0; length <= whole.dataOffset; length += 7) {
    const parsed = parseGgufHeader(file.subarray(0, length), file.length);
    if (parsed.kind === "header") assert.deepEqual(parsed.header, whole);
    else {
      assert.equal(parsed.kind, "needMore");
      assert.ok(parsed.kind === "needMore" && parsed.bytes > length && parsed.bytes <= whole.dataOffset);
    }
  }
});

test("a file that is cut anywhere is invalid, and the reason says where it ends", () => {
  fc.assert(
    fc.property(fc.integer({ min: 4, max: file.length - 33 }), (length) => {
      const reason = reasonOf(parseGgufHeader(file.subarray(0, length), length));
      assert.match(reason, new RegExp(`damaged GGUF file: .*after ${length}`));
    }),
  );
});

test("mutated headers are read, refused or need more, and never throw", () => {
  const position = fc.nat({ max: whole.dataOffset - 1 });
  const change = fc.tuple(position, fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 1, 127, 128, 255)));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
      const mutant = file.slice();
      for (const [offset, byte] of changes) mutant[offset] = byte;
      const parsed = parseGgufHeader(mutant, mutant.length);
      assert.notEqual(parsed.kind, "needMore", "all bytes were there");
      if (parsed.kind !== "header") return;
      const bytes = parsed.header.tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
      assert.ok(parsed.header.dataOffset + bytes <= mutant.length);
    }),
    { numRuns: 2000 },
  );
});

test("random bytes behind the magic are refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      const mutant = Uint8Array.from([...Buffer.from("GGUF"), 3, 0, 0, 0, ...bytes]);
      assert.equal(parseGgufHeader(mutant, mutant.length).kind, "invalid");
    }),
    { numRuns: 500 },
  );
});

/** The tiny model with 8 bytes at an offset replaced by a number. */
function withUint64(offset: number, number: bigint): string {
  const bytes = writeGguf(tinyModel());
  new DataView(bytes.buffer).setBigUint64(offset, number, true);
  // As if the file were as large as it says.
  return reasonOf(parseGgufHeader(bytes, Number.MAX_SAFE_INTEGER));
}

test("hostile counts and sizes are refused by name", () => {
  const base = writeGguf(tinyModel());
  const nameOffset = Buffer.from(base).indexOf("t", 24 + 8 + 20 + 4 + 8 + 5);
  assert.match(withUint64(8, 2n ** 63n), /number of tensors is 9223372036854775808, the most allowed is 65536/);
  assert.match(withUint64(16, 2n ** 40n), /number of metadata entries is 1099511627776/);
  assert.match(withUint64(24, 2n ** 32n), /length of a metadata key/);
  assert.match(withUint64(nameOffset + 5, 2n ** 63n), /dimension of the tensor "t"/);
  assert.match(withUint64(nameOffset + 5, 2n ** 52n), /cannot be 4503599627370496 of F32/);
  assert.match(withUint64(nameOffset + 5, 0n), /cannot be 0 of F32/);
  assert.match(withUint64(nameOffset + 5, 2n ** 51n - 1n), /tensors need \d+ bytes|larger than any file/);
  assert.match(withUint64(nameOffset + 17, 64n), /is at 64 instead of 0/);
});

test("what is not a usable GGUF file is refused in plain words", () => {
  const parse = (bytes: Uint8Array): string => reasonOf(parseGgufHeader(bytes, bytes.length));
  const withVersion = (...version: number[]): Uint8Array => {
    const bytes = writeGguf(tinyModel());
    bytes.set(version, 4);
    return bytes;
  };
  const uint32 = (number: number): WritableValue => ({ kind: "uint32", value: number });
  assert.equal(parse(new Uint8Array()), "not a GGUF file: it is empty");
  assert.equal(parse(Buffer.from("<!DOCTYPE html>")), 'not a GGUF file: it starts with "<!DO"');
  assert.equal(parse(Uint8Array.of(1, 2)), "not a GGUF file: it starts with the bytes 01 02");
  assert.match(parse(withVersion(1, 0, 0, 0)), /of version 1, and only 2 and 3 load/);
  assert.match(parse(withVersion(0, 0, 0, 3)), /big-endian/);
  assert.match(parse(writeGguf({ ...tinyModel(), tensors: [] })), /without any tensors/);
  assert.match(parse(writeGguf({ ...tinyModel(), metadata: new Map() })), /does not name its architecture/);
  assert.match(parse(writeGguf(tinyModel([["general.alignment", uint32(48)]]))), /alignment is not a power of two/);
  const huge = uint32(2 * ggufLimits.alignmentBytes);
  assert.match(parse(writeGguf(tinyModel([["general.alignment", huge]]))), /alignment is not a power of two/);
  assert.match(parse(writeGguf(tinyModel([["split.count", uint32(3)]]))), /one of 3 parts of a split model/);
});

test("the chunks of a streamed file are as long together as the size that was promised", () => {
  const model = randomModel("25m", "Q4_0");
  let bytes = 0;
  for (const chunk of ggufChunks(model)) {
    assert.ok(chunk.length <= 2 ** 20);
    bytes += chunk.length;
  }
  assert.equal(bytes, ggufBytes(model));
});
