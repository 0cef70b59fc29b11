import assert from "node:assert/strict";
import { test } from "node:test";
import { GrowingBuffer } from "./growing-buffer.ts";

test("pieces of any size become one, of hardly more than they are", () => {
  const grown: number[] = [];
  const held = new GrowingBuffer({
    bytesMax: 1_000_000,
    expectedBytes: null,
    beforeGrowth: (bytes) => void grown.push(bytes),
  });
  const sent = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
  for (let at = 0; at < sent.length; at += 1) held.add(sent.subarray(at, at + 1));
  assert.deepEqual(held.bytes, sent);
  assert.ok(grown.length < 5, `${grown.length} times`);
  assert.equal(
    held.heldBytes,
    grown.reduce((sum, bytes) => sum + bytes, 0),
  );
  assert.ok(held.heldBytes < 2 * sent.length);
  held.clear();
  assert.deepEqual([held.bytes.length, held.heldBytes], [0, 0]);
});

test("what was told of the length bounds what is held, and holds nothing before it comes", () => {
  const held = new GrowingBuffer({ bytesMax: 1_000_000, expectedBytes: 100_000 });
  assert.equal(held.heldBytes, 0);
  held.add(Buffer.alloc(10));
  assert.equal(held.heldBytes, 65_536);
  held.add(Buffer.alloc(99_990));
  assert.equal(held.heldBytes, 100_000);
  const full = new GrowingBuffer({ bytesMax: 100, expectedBytes: null });
  full.add(Buffer.alloc(1));
  assert.equal(full.heldBytes, 100);
});
