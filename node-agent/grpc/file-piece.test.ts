import assert from "node:assert/strict";
import { test } from "node:test";
import { pomona } from "@pomona/proto/load";
import fc from "fast-check";
import { dataOf, filePieceMessage, nodeDefinition, pieceBufferBytes } from "./file-piece.ts";

test("a piece that is encoded in place reads as the generated encoder's", () => {
  const { responseSerialize } = nodeDefinition()["ReadModelFile"] ?? {};
  assert.ok(responseSerialize);
  const count = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  const digest = fc.oneof(fc.constant(new Uint8Array(0)), fc.uint8Array({ minLength: 32, maxLength: 32 }));
  const pieces = fc.record({
    offset: count,
    heldBytes: count,
    data: fc.uint8Array({ minLength: 1, maxLength: 300 }),
    digestSoFar: digest,
  });
  fc.assert(
    fc.property(pieces, ({ offset, heldBytes, data, digestSoFar }) => {
      const buffer = Buffer.alloc(pieceBufferBytes(300), 0xff);
      dataOf(buffer, data.length).set(data);
      const message = filePieceMessage(buffer, { offset, heldBytes, dataBytes: data.length, digestSoFar });
      const read = pomona.Node.service.ReadModelFile.responseDeserialize(responseSerialize(message));
      assert.deepEqual([read.offset, read.heldBytes, read.isBusy], [offset, heldBytes, false]);
      assert.deepEqual([...read.data], [...data]);
      assert.deepEqual([...read.digestSoFar], [...digestSoFar]);
    }),
  );
});
