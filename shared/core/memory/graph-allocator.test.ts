import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Block, GraphAllocator } from "./graph-allocator.ts";

test("the smallest hole that fits is taken, of two alike the later one, and the end only when none fits", () => {
  const allocator = new GraphAllocator();
  const [a, , c, , e, f] = [64, 32, 128, 32, 64, 32].map((bytes) => allocator.allocate(bytes));
  assert.ok(a && c && e && f);
  for (const block of [a, c, e]) allocator.release(block);
  assert.equal(allocator.allocate(60).offset, e.offset);
  assert.equal(allocator.allocate(64).offset, a.offset);
  assert.equal(allocator.allocate(96).offset, c.offset);
  assert.equal(allocator.allocate(64).offset, f.offset + 32);
  assert.equal(allocator.peakBytes, f.offset + 32 + 64);
});

test("blocks in use never overlap, and all that is given back is one hole again", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ bytes: fc.nat(500), released: fc.nat(20) }), { maxLength: 60 }), (steps) => {
      const allocator = new GraphAllocator();
      const used: Block[] = [];
      for (const { bytes, released } of steps) {
        const block = allocator.allocate(bytes + 1);
        for (const other of used) {
          assert.ok(block.offset + block.bytes <= other.offset || other.offset + other.bytes <= block.offset);
        }
        used.push(block);
        for (const gone of released < used.length ? used.splice(released, 1) : []) allocator.release(gone);
      }
      for (const block of used) allocator.release(block);
      const peak = allocator.peakBytes;
      assert.equal(allocator.allocate(1e6).offset, 0);
      assert.equal(allocator.peakBytes, Math.max(peak, 1_000_000));
    }),
  );
});
