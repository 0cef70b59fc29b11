import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeRows, float16Bits, randomRows } from "./blocks.ts";
import type { WritableType } from "./format.ts";
import { randomWords } from "./random-words.ts";

function valueOfHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function decode(type: WritableType, bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values: number[] = [];
  if (type === "F32") for (let i = 0; i < bytes.length; i += 4) values.push(view.getFloat32(i, true));
  if (type === "F16") for (let i = 0; i < bytes.length; i += 2) values.push(valueOfHalf(view.getUint16(i, true)));
  for (let block = 0; type === "Q8_0" && block < bytes.length; block += 34) {
    const scale = valueOfHalf(view.getUint16(block, true));
    for (let i = 0; i < 32; i++) values.push(scale * view.getInt8(block + 2 + i));
  }
  for (let block = 0; type === "Q4_0" && block < bytes.length; block += 18) {
    const scale = valueOfHalf(view.getUint16(block, true));
    const quants = [...bytes.subarray(block + 2, block + 18)];
    for (const byte of quants) values.push(scale * ((byte & 15) - 8));
    for (const byte of quants) values.push(scale * ((byte >>> 4) - 8));
  }
  return values;
}

test("every half-precision number becomes its own bits", () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const value = valueOfHalf(bits);
    if (!Number.isNaN(value)) assert.equal(float16Bits(value), bits);
  }
  assert.equal(float16Bits(Number.NaN), 0x7e00);
});

test("a number between two halves becomes the nearer one, at the middle the even one", () => {
  const cases: [number, number][] = [
    [1 + 1 / 2048, 0x3c00],
    [1 + 3 / 2048, 0x3c02],
    [1 + 1.01 / 2048, 0x3c01],
    [65519, 0x7bff],
    [65520, 0x7c00],
    [-1e9, 0xfc00],
    [2 ** -25, 0],
    [2047.6 / 2048, 0x3c00],
  ];
  for (const [value, bits] of cases) assert.equal(float16Bits(value), bits, String(value));
});

test("encoded values are within the step of their type", () => {
  const steps = { F32: 1e-7, F16: 2 ** -11, Q8_0: 1 / 200, Q4_0: 1 / 13 } as const;
  for (const type of ["F32", "F16", "Q8_0", "Q4_0"] as const) {
    fc.assert(
      fc.property(fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: 64, maxLength: 64 }), (values) => {
        const bytes = encodeRows(type, { rows: 1, columns: 64 }, (_, row) => row.set(values));
        const largest = Math.max(...values.map(Math.abs), 1e-3);
        decode(type, bytes).forEach((value, i) => {
          assert.ok(Math.abs(value - (values[i] ?? 0)) <= steps[type] * largest, `${type} ${value} ${values[i]}`);
        });
      }),
    );
  }
});

test("random weights have about the wanted deviation, zero rows are zero, and the seed decides them", () => {
  for (const type of ["F32", "F16", "Q8_0", "Q4_0"] as const) {
    const matrix = { rows: 100, columns: 64, standardDeviation: 0.05, isZeroRow: (row: number) => row < 2 };
    const make = (seed: number): Buffer => Buffer.concat([...randomRows(type, matrix, randomWords(seed))]);
    const values = decode(type, make(1));
    assert.equal(values.length, 6400);
    assert.ok(values.slice(0, 128).every((value) => value === 0 || type === "Q4_0"));
    const random = values.slice(128);
    const deviation = Math.sqrt(random.reduce((sum, value) => sum + value * value, 0) / random.length);
    assert.ok(deviation > 0.03 && deviation < 0.075, `${type} ${deviation}`);
    assert.ok(make(1).equals(make(1)));
    assert.ok(!make(1).equals(make(2)));
  }
});
