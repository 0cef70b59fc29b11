// Reads the header of a GGUF file before the engine sees it: strict, bounded, and without a throw whatever the bytes are.

import { infillTexts } from "../infill.ts";
import { alignUp, defaultAlignment, ggufMagic, tensorLayouts, type ValueTypeName, valueTypeCodes } from "./format.ts";
import { type CursorLimits, HeaderCursor } from "./header-cursor.ts";

export type GgufHeader = {
  readonly version: number;
  /** `general.architecture`; empty in the later parts of a split model. */
  readonly architecture: string;
  readonly metadata: ReadonlyMap<string, GgufMetadataValue>;
  readonly tensors: readonly GgufTensor[];
  /** Where the tensor data begin. */
  readonly dataOffset: number;
  /** Which part of a split model it is; null for a whole one. */
  readonly part: GgufPart | null;
};

/** Place of a file among those of a split model, as llama-gguf-split writes it. */
export type GgufPart = {
  /** From 0. */
  readonly index: number;
  readonly count: number;
  /** Tensors of all parts together. */
  readonly tensorsOfAll: number;
};

/** What a file may be: a model, or also one of the parts of one. */
export type GgufExpectation = "whole" | "part";

/** 64-bit numbers are bigints only where a number would lose digits. */
export type GgufMetadataValue = string | number | bigint | boolean | GgufArray | GgufLongText;

export type GgufArray = {
  readonly kind: "array";
  readonly elementType: ValueTypeName;
  readonly count: number;
  /** The values of a number array of at most 4,096; null for every other one. */
  readonly numbers: readonly number[] | null;
  /** Of the texts that tell how gaps are filled, those that are there, with their places; only of the tokens. */
  readonly places?: ReadonlyMap<string, number>;
};

/** A text of more than a megabyte, which is not kept. */
export type GgufLongText = { readonly kind: "longText"; readonly bytes: number };

export type GgufTensor = {
  readonly name: string;
  /** Innermost first. */
  readonly dimensions: readonly number[];
  /** As ggml names it, e.g. `Q4_0`. */
  readonly type: string;
  readonly bytes: number;
};

export type GgufParse =
  | { readonly kind: "header"; readonly header: GgufHeader }
  /** Call again with at least so many bytes of the file's beginning. */
  | { readonly kind: "needMore"; readonly bytes: number }
  /** `reason` completes "the file is ...". */
  | { readonly kind: "invalid"; readonly reason: string };

/** Limits of the parser: many times what published models have, and small enough to be harmless. */
export const ggufLimits = {
  headerBytes: 256 * 2 ** 20,
  metadataEntries: 65_536,
  tensors: 65_536,
  keyBytes: 65_535,
  /** ggml keeps names in 64 bytes, the closing zero included. */
  tensorNameBytes: 63,
  dimensions: 4,
  parts: 256,
  arrayElements: 2 ** 24,
  keptTextBytes: 2 ** 20,
  keptNumbers: 4096,
  alignmentBytes: 2 ** 20,
} as const;

const valueTypeNames = new Map<number, ValueTypeName>(
  // Object.entries widens the keys; they are those of the table.
  Object.entries(valueTypeCodes).map(([name, code]) => [code, name as ValueTypeName]),
);
const layoutsByCode = new Map(tensorLayouts.map((layout) => [layout.code, layout]));

/**
 * Parses the beginning of a file of `fileBytes` bytes. Checks what makes loading a hostile file dangerous: counts,
 * lengths, types, alignment, and that every tensor lies where the format puts it and inside the file.
 */
export function parseGgufHeader(bytes: Uint8Array, fileBytes: number, expected: GgufExpectation = "whole"): GgufParse {
  if (fileBytes === 0) return { kind: "invalid", reason: "not a GGUF file: it is empty" };
  if (bytes.length < Math.min(4, fileBytes)) return { kind: "needMore", bytes: Math.min(4, fileBytes) };
  const limits: CursorLimits = { fileBytes, headerBytesMax: ggufLimits.headerBytes };
  const cursor = new HeaderCursor(bytes, limits);
  if (fileBytes < 4 || cursor.uint32() !== ggufMagic) {
    return { kind: "invalid", reason: `not a GGUF file: it starts with ${describeStart(bytes)}` };
  }
  const header = readHeader(cursor, fileBytes, expected);
  return cursor.problem ?? { kind: "header", header };
}

function describeStart(bytes: Uint8Array): string {
  const start = [...bytes.subarray(0, 4)];
  const isText = start.every((byte) => byte >= 0x20 && byte <= 0x7e);
  if (isText) return JSON.stringify(String.fromCharCode(...start));
  return `the bytes ${start.map((byte) => byte.toString(16).padStart(2, "0")).join(" ")}`;
}

/** What it returns counts only when the cursor has no problem. */
function readHeader(cursor: HeaderCursor, fileBytes: number, expected: GgufExpectation): GgufHeader {
  const version = cursor.uint32();
  checkVersion(cursor, version);
  const tensorCount = cursor.count("the number of tensors", ggufLimits.tensors);
  const entryCount = cursor.count("the number of metadata entries", ggufLimits.metadataEntries);
  const metadata = readMetadata(cursor, entryCount);
  const alignment = alignmentOf(cursor, metadata);
  const part = partOf(cursor, metadata, expected);
  const architecture = metadata.get("general.architecture");
  if (typeof architecture !== "string" && (part?.index ?? 0) === 0)
    cursor.fail("a damaged GGUF file: it does not name its architecture");
  // The first part may hold the metadata alone.
  if (tensorCount === 0 && part === null) cursor.fail("a GGUF file without any tensors, so there is no model in it");
  const { tensors, dataBytes } = readTensors(cursor, tensorCount, alignment);
  const dataOffset = alignUp(cursor.offset, alignment);
  if (dataOffset + dataBytes > fileBytes) {
    const needed = dataOffset + dataBytes;
    cursor.fail(`a damaged GGUF file: its tensors need ${needed} bytes, but it ends after ${fileBytes}`);
  }
  return {
    version,
    architecture: typeof architecture === "string" ? architecture : "",
    metadata,
    tensors,
    dataOffset,
    part,
  };
}

function checkVersion(cursor: HeaderCursor, version: number): void {
  if (version === 2 || version === 3) return;
  if (version !== 0 && (version & 0xffff) === 0)
    cursor.fail("a big-endian GGUF file, and only little-endian ones load");
  else cursor.fail(`a GGUF file of version ${version}, and only 2 and 3 load`);
}

function readMetadata(cursor: HeaderCursor, count: number): Map<string, GgufMetadataValue> {
  const metadata = new Map<string, GgufMetadataValue>();
  for (let i = 0; i < count && cursor.problem === null; i++) {
    const key = cursor.text(cursor.count("the length of a metadata key", ggufLimits.keyBytes));
    const value = readValue(cursor, key);
    if (metadata.has(key)) cursor.fail(`a damaged GGUF file: the key ${quote(key)} comes twice`);
    metadata.set(key, value);
  }
  return metadata;
}

function readValue(cursor: HeaderCursor, key: string): GgufMetadataValue {
  const type = readValueType(cursor, key);
  if (type === "string") return readText(cursor);
  if (type === "array") return readArray(cursor, key);
  return readScalar(cursor, type);
}

function readValueType(cursor: HeaderCursor, key: string): ValueTypeName {
  const code = cursor.uint32();
  const type = valueTypeNames.get(code);
  if (type === undefined) cursor.fail(`a damaged GGUF file: ${quote(key)} has the unknown value type ${code}`);
  return type ?? "uint8";
}

function readText(cursor: HeaderCursor): string | GgufLongText {
  const bytes = cursor.count("the length of a text", ggufLimits.headerBytes);
  if (bytes <= ggufLimits.keptTextBytes) return cursor.text(bytes);
  cursor.skip(bytes);
  return { kind: "longText", bytes };
}

type ScalarType = Exclude<ValueTypeName, "string" | "array">;

function readScalar(cursor: HeaderCursor, type: ScalarType): number | bigint | boolean {
  if (type === "bool") return cursor.uint8() !== 0;
  const value = cursor[type]();
  if (typeof value === "number") return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

const scalarBytes: Record<ScalarType, number> = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  bool: 1,
  uint64: 8,
  int64: 8,
  float64: 8,
};

function readArray(cursor: HeaderCursor, key: string): GgufArray {
  const elementType = readValueType(cursor, key);
  const count = cursor.count(`the length of the array ${quote(key)}`, ggufLimits.arrayElements);
  const array = { kind: "array", elementType, count } as const;
  if (elementType === "array") {
    cursor.fail(`a GGUF file with an array of arrays in ${quote(key)}, which llama.cpp does not know`);
    return { ...array, numbers: null };
  }
  if (elementType === "string") {
    const places = findTexts(cursor, count, key === tokensKey ? infillTexts : new Set());
    return { ...array, numbers: null, ...(key === tokensKey ? { places } : {}) };
  }
  if (count > ggufLimits.keptNumbers) {
    cursor.skip(count * scalarBytes[elementType]);
    return { ...array, numbers: null };
  }
  const numbers: number[] = [];
  for (let i = 0; i < count && cursor.problem === null; i++) numbers.push(Number(readScalar(cursor, elementType)));
  return { ...array, numbers };
}

const tokensKey = "tokenizer.ggml.tokens";
const encoder = new TextEncoder();

/** Where these texts stand; the others are skipped, unread unless they are as long and end alike. */
function findTexts(cursor: HeaderCursor, count: number, texts: ReadonlySet<string>): Map<string, number> {
  const encoded = [...texts].map((text) => encoder.encode(text));
  const lengths = new Set(encoded.map(({ length }) => length));
  const lastBytes = new Set(encoded.map((bytes) => bytes.at(-1)));
  const places = new Map<string, number>();
  for (let i = 0; i < count && cursor.problem === null; i++) {
    const bytes = cursor.count("the length of a text", ggufLimits.headerBytes);
    if (!lengths.has(bytes) || !lastBytes.has(cursor.byteAhead(bytes - 1))) cursor.skip(bytes);
    else {
      const text = cursor.text(bytes);
      if (texts.has(text)) places.set(text, i);
    }
  }
  return places;
}

function alignmentOf(cursor: HeaderCursor, metadata: ReadonlyMap<string, GgufMetadataValue>): number {
  const alignment = metadata.get("general.alignment") ?? defaultAlignment;
  const isPowerOfTwo = typeof alignment === "number" && alignment > 0 && Number.isInteger(Math.log2(alignment));
  if (isPowerOfTwo && alignment >= 1 && alignment <= ggufLimits.alignmentBytes) return alignment;
  cursor.fail(`a damaged GGUF file: its alignment is not a power of two up to ${ggufLimits.alignmentBytes}`);
  return defaultAlignment;
}

function partOf(
  cursor: HeaderCursor,
  metadata: ReadonlyMap<string, GgufMetadataValue>,
  expected: GgufExpectation,
): GgufPart | null {
  const count = metadata.get("split.count");
  if (typeof count !== "number" || count <= 1) return null;
  if (expected === "whole") {
    cursor.fail(
      `one of ${count} parts of a split model: join them with "llama-gguf-split --merge FIRST_PART WHOLE_FILE"`,
    );
  }
  const [index, tensorsOfAll] = [metadata.get("split.no"), metadata.get("split.tensors.count")];
  const isKnown = isNatural(index) && isNatural(tensorsOfAll) && isNatural(count);
  if (isKnown && count <= ggufLimits.parts && index < count) return { index, count, tensorsOfAll };
  cursor.fail(`a damaged GGUF file: it says that it is one of ${count} parts, but not which, or one of too many`);
  return null;
}

function isNatural(value: GgufMetadataValue | undefined): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

type Tensors = { readonly tensors: readonly GgufTensor[]; readonly dataBytes: number };

/** As llama.cpp does, wants the data of the tensors one after the other in the order of the header. */
function readTensors(cursor: HeaderCursor, count: number, alignment: number): Tensors {
  const tensors: GgufTensor[] = [];
  const names = new Set<string>();
  let nextOffset = 0;
  let dataBytes = 0;
  for (let i = 0; i < count && cursor.problem === null; i++) {
    const { tensor, offset } = readTensor(cursor);
    if (names.has(tensor.name)) cursor.fail(`a damaged GGUF file: the tensor ${quote(tensor.name)} comes twice`);
    if (offset !== nextOffset) {
      cursor.fail(`a damaged GGUF file: the tensor ${quote(tensor.name)} is at ${offset} instead of ${nextOffset}`);
    }
    names.add(tensor.name);
    tensors.push(tensor);
    dataBytes = offset + tensor.bytes;
    nextOffset = alignUp(dataBytes, alignment);
    if (!Number.isSafeInteger(nextOffset)) cursor.fail("a damaged GGUF file: its tensors are larger than any file");
  }
  return { tensors, dataBytes };
}

function readTensor(cursor: HeaderCursor): { tensor: GgufTensor; offset: number } {
  const name = cursor.text(cursor.count("the length of a tensor's name", ggufLimits.tensorNameBytes));
  const dimensionCount = cursor.uint32();
  if (dimensionCount > ggufLimits.dimensions) {
    cursor.fail(`a damaged GGUF file: the tensor ${quote(name)} has ${dimensionCount} dimensions, 4 at most are known`);
  }
  const dimensions: number[] = [];
  for (let i = 0; i < dimensionCount && cursor.problem === null; i++) {
    dimensions.push(cursor.count(`a dimension of the tensor ${quote(name)}`, Number.MAX_SAFE_INTEGER));
  }
  const code = cursor.uint32();
  const offset = cursor.count(`the offset of the tensor ${quote(name)}`, Number.MAX_SAFE_INTEGER);
  const { type, bytes } = sizeOfTensor(cursor, { name, dimensions, code });
  return { tensor: { name, dimensions, type, bytes }, offset };
}

type RawTensor = { readonly name: string; readonly dimensions: readonly number[]; readonly code: number };

function sizeOfTensor(cursor: HeaderCursor, { name, dimensions, code }: RawTensor): { type: string; bytes: number } {
  const layout = layoutsByCode.get(code);
  if (layout === undefined) {
    cursor.fail(`a GGUF file whose tensor ${quote(name)} has the type ${code}, which the engine does not know`);
    return { type: "", bytes: 0 };
  }
  // A product that is not exact is past 2^53 and stays there, for no dimension is below one.
  const elements = dimensions.reduce((product, dimension) => product * dimension, 1);
  const bytes = (elements / layout.elements) * layout.bytes;
  const isWhole = (dimensions[0] ?? 1) % layout.elements === 0;
  if (dimensions.some((dimension) => dimension < 1) || !isWhole || !Number.isSafeInteger(bytes)) {
    cursor.fail(`a damaged GGUF file: the tensor ${quote(name)} cannot be ${dimensions.join(" x ")} of ${layout.name}`);
  }
  return { type: layout.name, bytes };
}

/** Names come from the file: shortened, and with control characters escaped. */
function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}...` : name);
}
