// Pieces of files as messages, without copying them once more: 1 MiB of a file costs 0.15 ms less than by the encoder that
// is generated, which a transfer at the speed of the line feels.
import type { ReadModelFileResponse } from "@pomona/proto/generated/pomona/v1/ReadModelFileResponse";
import { pomona } from "@pomona/proto/load";
import type { GrpcService } from "@pomona/shared/grpc/server";

/** Room for the fields before the data: four tags, three lengths, two counts and a digest. */
const headBytes = 80;

/** Numbers of the fields in `ReadModelFileResponse`, and whether a length comes before their bytes. */
const fields = { offset: 1, data: 2, digestSoFar: 3, heldBytes: 4 } as const;
const [varint, lengthDelimited] = [0, 2];

export type FilePiece = {
  readonly offset: number;
  readonly dataBytes: number;
  /** Empty but for the last piece of a chunk. */
  readonly digestSoFar: Uint8Array;
  readonly heldBytes: number;
};

const encodedForms = new WeakMap<ReadModelFileResponse, Buffer>();

/** A buffer for a message whose data have at most so many bytes. */
export function pieceBufferBytes(dataBytesMax: number): number {
  return headBytes + dataBytesMax;
}

/** Where the data of a message belong in its buffer. */
export function dataOf(buffer: Buffer, dataBytes: number): Buffer {
  return buffer.subarray(headBytes, headBytes + dataBytes);
}

/** The message of a buffer whose data are in their place. The buffer is the message's until it has left. */
export function filePieceMessage(buffer: Buffer, piece: FilePiece): ReadModelFileResponse {
  const head: number[] = [];
  pushField(head, fields.offset, piece.offset);
  pushField(head, fields.heldBytes, piece.heldBytes);
  if (piece.digestSoFar.length > 0) {
    pushLength(head, fields.digestSoFar, piece.digestSoFar.length);
    head.push(...piece.digestSoFar);
  }
  pushLength(head, fields.data, piece.dataBytes);
  const start = headBytes - head.length;
  buffer.set(head, start);
  const message: ReadModelFileResponse = {};
  encodedForms.set(message, buffer.subarray(start, headBytes + piece.dataBytes));
  return message;
}

function pushField(head: number[], field: number, value: number): void {
  head.push(field * 8 + varint);
  pushVarint(head, value);
}

function pushLength(head: number[], field: number, length: number): void {
  head.push(field * 8 + lengthDelimited);
  pushVarint(head, length);
}

/** Seven bits a byte, the lowest first (protobuf.dev/programming-guides/encoding). */
function pushVarint(head: number[], value: number): void {
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) head.push((rest % 128) + 128);
  head.push(rest);
}

/** The Node service, whose pieces of files are sent as they were made here. */
export function nodeDefinition(): GrpcService["definition"] {
  const { ReadModelFile, ...others } = pomona.Node.service;
  const responseSerialize = (message: ReadModelFileResponse): Buffer =>
    encodedForms.get(message) ?? ReadModelFile.responseSerialize(message);
  return { ...others, ReadModelFile: { ...ReadModelFile, responseSerialize } };
}
