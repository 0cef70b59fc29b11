// Tensor data: real values encoded into blocks, and random blocks written directly.
import { assert, unreachable } from "../assert.ts";
import { layoutOf, type WritableType } from "./format.ts";
import type { RandomWords } from "./random-words.ts";

/** A matrix as GGUF stores it: `rows` rows of `columns` values, each row whole blocks. */
export type MatrixSize = { readonly rows: number; readonly columns: number };

/** Bytes of one row. `columns` must be a multiple of the type's block. */
export function rowBytes(type: WritableType, columns: number): number {
  const { elements, bytes } = layoutOf(type);
  assert(columns % elements === 0, `${columns} columns are whole blocks of ${type}`);
  return (columns / elements) * bytes;
}

const floatView = new DataView(new ArrayBuffer(4));

/** The nearest IEEE 754 half-precision number, ties to even, as its 16 bits. */
export function float16Bits(value: number): number {
  floatView.setFloat32(0, value);
  const bits = floatView.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (magnitude >= 65520) return sign | 0x7c00;
  // Below the smallest normal number halves are multiples of 2^-24.
  if (magnitude < 2 ** -14) return sign | roundTiesToEven(magnitude * 2 ** 24);
  const exponent = ((bits >>> 23) & 0xff) - 127;
  const fraction = roundTiesToEven((magnitude / 2 ** exponent - 1) * 1024);
  return sign | (((exponent + 15) << 10) + fraction);
}

function roundTiesToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Encodes a small matrix at once. `fillRow` gets each row in turn, all zero, and writes its values into it. */
export function encodeRows(
  type: WritableType,
  size: MatrixSize,
  fillRow: (row: number, values: Float32Array) => void,
): Uint8Array {
  const bytesPerRow = rowBytes(type, size.columns);
  const result = new Uint8Array(bytesPerRow * size.rows);
  const view = new DataView(result.buffer);
  const values = new Float32Array(size.columns);
  for (let row = 0; row < size.rows; row++) {
    values.fill(0);
    fillRow(row, values);
    encodeRow(type, values, (offset) => ({ view, offset: row * bytesPerRow + offset }));
  }
  return result;
}

type Place = { readonly view: DataView; readonly offset: number };

function encodeRow(type: WritableType, values: Float32Array, at: (offset: number) => Place): void {
  const { elements, bytes } = layoutOf(type);
  for (let block = 0; block * elements < values.length; block++) {
    const part = values.subarray(block * elements, (block + 1) * elements);
    const { view, offset } = at(block * bytes);
    switch (type) {
      case "F32":
        view.setFloat32(offset, part[0] ?? 0, true);
        break;
      case "F16":
        view.setUint16(offset, float16Bits(part[0] ?? 0), true);
        break;
      case "Q8_0":
        encodeQ80(part, view, offset);
        break;
      case "Q4_0":
        encodeQ40(part, view, offset);
        break;
      default:
        unreachable(type);
    }
  }
}

function largestMagnitude(values: Float32Array): number {
  return values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
}

/** Half-precision scale, then 32 signed bytes. */
function encodeQ80(values: Float32Array, view: DataView, offset: number): void {
  const scale = largestMagnitude(values) / 127;
  view.setUint16(offset, float16Bits(scale), true);
  values.forEach((value, i) => {
    view.setInt8(offset + 2 + i, scale === 0 ? 0 : Math.round(value / scale));
  });
}

/**
 * Half-precision scale, then 32 nibbles of value + 8, the first 16 in the low halves. llama.cpp's own quantiser uses -8
 * for the largest magnitude; this one stays within -7 to 7, so that equal magnitudes of both signs stay equal.
 */
function encodeQ40(values: Float32Array, view: DataView, offset: number): void {
  const scale = largestMagnitude(values) / 7;
  view.setUint16(offset, float16Bits(scale), true);
  const nibble = (value: number | undefined): number =>
    scale === 0 || value === undefined ? 8 : Math.round(value / scale) + 8;
  for (let i = 0; i < 16; i++) {
    view.setUint8(offset + 2 + i, nibble(values[i]) | (nibble(values[i + 16]) << 4));
  }
}

/** A matrix of random weights. */
export type RandomMatrix = MatrixSize & {
  /** Wanted standard deviation; F16 takes the nearest that a power of two gives. */
  readonly standardDeviation: number;
  /** Rows that are all zero. */
  readonly isZeroRow: (row: number) => boolean;
};

const chunkBytesMax = 1 << 20;

/** Random blocks, some rows at a time, so that a large tensor never stands in memory whole. */
export function* randomRows(type: WritableType, matrix: RandomMatrix, words: RandomWords): Generator<Uint8Array> {
  const bytesPerRow = rowBytes(type, matrix.columns);
  const rowsPerChunk = Math.max(1, Math.floor(chunkBytesMax / bytesPerRow));
  for (let first = 0; first < matrix.rows; first += rowsPerChunk) {
    const rows = Math.min(rowsPerChunk, matrix.rows - first);
    const chunk = randomBlocks(type, rows * bytesPerRow, { words, standardDeviation: matrix.standardDeviation });
    for (let row = 0; row < rows; row++) {
      if (matrix.isZeroRow(first + row)) chunk.fill(0, row * bytesPerRow, (row + 1) * bytesPerRow);
    }
    yield chunk;
  }
}

type RandomSource = { readonly words: RandomWords; readonly standardDeviation: number };

function randomBlocks(type: WritableType, bytes: number, source: RandomSource): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  source.words.fill(words);
  const chunk = new Uint8Array(words.buffer, 0, bytes);
  switch (type) {
    case "F32":
      return uniformFloats(words, source.standardDeviation);
    case "F16":
      return randomHalves(chunk, source.standardDeviation);
    // The standard deviation of a uniform signed byte is 73.9, of a uniform nibble 4.61.
    case "Q8_0":
      return scaleBlocks(chunk, layoutOf(type).bytes, source.standardDeviation / 73.9);
    case "Q4_0":
      return scaleBlocks(chunk, layoutOf(type).bytes, source.standardDeviation / 4.61);
    default:
      return unreachable(type);
  }
}

function uniformFloats(words: Uint32Array, standardDeviation: number): Uint8Array {
  const range = standardDeviation * Math.sqrt(3);
  const floats = Float32Array.from(words, (word) => (word / 2 ** 31 - 1) * range);
  return new Uint8Array(floats.buffer);
}

/** Random sign and fraction, one exponent: magnitudes uniform in [2^e, 2^(e+1)), whose root mean square is 1.53 x 2^e. */
function randomHalves(chunk: Uint8Array, standardDeviation: number): Uint8Array {
  const exponent = Math.min(15, Math.max(-14, Math.round(Math.log2(standardDeviation / 1.53))));
  const halves = new Uint16Array(chunk.buffer, chunk.byteOffset, chunk.length / 2);
  for (let i = 0; i < halves.length; i++) halves[i] = ((halves[i] ?? 0) & 0x83ff) | ((exponent + 15) << 10);
  return chunk;
}

function scaleBlocks(chunk: Uint8Array, blockBytes: number, scale: number): Uint8Array {
  const bits = float16Bits(scale);
  for (let offset = 0; offset < chunk.length; offset += blockBytes) {
    chunk[offset] = bits & 0xff;
    chunk[offset + 1] = bits >>> 8;
  }
  return chunk;
}
