// Writes GGUF files, version 3, little-endian. Pure: a model description in, bytes out.
import { unreachable } from "../assert.ts";
import {
  alignUp,
  defaultAlignment,
  ggufMagic,
  ggufVersion,
  layoutOf,
  valueTypeCodes,
  type WritableType,
} from "./format.ts";

/** A metadata value that the writer can write. */
export type WritableValue =
  | { readonly kind: "uint16" | "uint32" | "int32" | "float32"; readonly value: number }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "strings"; readonly values: readonly string[] }
  | { readonly kind: "float32s" | "int32s"; readonly values: readonly number[] };

export type WritableTensor = {
  /** At most 63 bytes: a limit of ggml. */
  readonly name: string;
  /** Innermost first: columns, then rows. */
  readonly dimensions: readonly number[];
  readonly type: WritableType;
  /** Makes the data anew at each call, in order, so that nothing has to be kept. */
  readonly data: () => Iterable<Uint8Array>;
};

/** All that stands in a file. */
export type GgufModel = {
  readonly metadata: ReadonlyMap<string, WritableValue>;
  readonly tensors: readonly WritableTensor[];
};

/** Bytes of a tensor's data without padding. */
function tensorBytes(tensor: WritableTensor): number {
  const { elements, bytes } = layoutOf(tensor.type);
  return (tensor.dimensions.reduce((product, dimension) => product * dimension, 1) / elements) * bytes;
}

/** The file in pieces of at most about a megabyte, for files that should not stand in memory whole. */
export function* ggufChunks(model: GgufModel): Generator<Uint8Array> {
  const header = encodeHeader(model);
  yield header;
  yield new Uint8Array(alignUp(header.length, defaultAlignment) - header.length);
  for (const tensor of model.tensors) {
    let written = 0;
    for (const chunk of tensor.data()) {
      written += chunk.length;
      yield chunk;
    }
    const expected = tensorBytes(tensor);
    if (written !== expected) throw new Error(`assertion failed: ${tensor.name} has ${written} bytes, not ${expected}`);
    yield new Uint8Array(alignUp(written, defaultAlignment) - written);
  }
}

/** Size of the file that {@link ggufChunks} gives. */
export function ggufBytes(model: GgufModel): number {
  const headerBytes = alignUp(encodeHeader(model).length, defaultAlignment);
  return model.tensors.reduce((sum, tensor) => sum + alignUp(tensorBytes(tensor), defaultAlignment), headerBytes);
}

/** The file in one piece: for models of some megabytes. */
export function writeGguf(model: GgufModel): Uint8Array {
  const file = new Uint8Array(ggufBytes(model));
  let offset = 0;
  for (const chunk of ggufChunks(model)) {
    file.set(chunk, offset);
    offset += chunk.length;
  }
  return file;
}

function encodeHeader(model: GgufModel): Uint8Array {
  const output = new ByteOutput();
  output.uint32(ggufMagic);
  output.uint32(ggufVersion);
  output.uint64(model.tensors.length);
  output.uint64(model.metadata.size);
  for (const [key, value] of model.metadata) {
    output.string(key);
    encodeValue(output, value);
  }
  let offset = 0;
  for (const tensor of model.tensors) {
    output.string(tensor.name);
    output.uint32(tensor.dimensions.length);
    for (const dimension of tensor.dimensions) output.uint64(dimension);
    output.uint32(layoutOf(tensor.type).code);
    output.uint64(offset);
    offset = alignUp(offset + tensorBytes(tensor), defaultAlignment);
  }
  return output.bytes();
}

function encodeValue(output: ByteOutput, value: WritableValue): void {
  switch (value.kind) {
    case "uint16":
    case "int32":
    case "uint32":
    case "float32":
      output.uint32(valueTypeCodes[value.kind]);
      output[value.kind](value.value);
      break;
    case "bool":
      output.uint32(valueTypeCodes.bool);
      output.uint8(value.value ? 1 : 0);
      break;
    case "string":
      output.uint32(valueTypeCodes.string);
      output.string(value.value);
      break;
    case "strings":
      output.arrayHead("string", value.values.length);
      for (const text of value.values) output.string(text);
      break;
    case "float32s":
      output.arrayHead("float32", value.values.length);
      for (const number of value.values) output.float32(number);
      break;
    case "int32s":
      output.arrayHead("int32", value.values.length);
      for (const number of value.values) output.uint32(number);
      break;
    default:
      unreachable(value);
  }
}

/** Bytes that grow as they are written. */
class ByteOutput {
  #buffer = new Uint8Array(1 << 16);
  #length = 0;
  readonly #encoder = new TextEncoder();

  uint8(value: number): void {
    this.#next(1).setUint8(0, value);
  }

  uint16(value: number): void {
    this.#next(2).setUint16(0, value, true);
  }

  int32(value: number): void {
    this.#next(4).setInt32(0, value, true);
  }

  uint32(value: number): void {
    this.#next(4).setUint32(0, value, true);
  }

  uint64(value: number): void {
    this.#next(8).setBigUint64(0, BigInt(value), true);
  }

  float32(value: number): void {
    this.#next(4).setFloat32(0, value, true);
  }

  string(text: string): void {
    const bytes = this.#encoder.encode(text);
    this.uint64(bytes.length);
    this.#next(bytes.length);
    this.#buffer.set(bytes, this.#length - bytes.length);
  }

  arrayHead(elementType: "string" | "float32" | "int32", count: number): void {
    this.uint32(valueTypeCodes.array);
    this.uint32(valueTypeCodes[elementType]);
    this.uint64(count);
  }

  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  /** Room for `bytes` more, as a view of just them. */
  #next(bytes: number): DataView {
    const start = this.#length;
    this.#length += bytes;
    if (this.#length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(this.#length, 2 * this.#buffer.length));
      grown.set(this.#buffer);
      this.#buffer = grown;
    }
    return new DataView(this.#buffer.buffer, start, bytes);
  }
}
