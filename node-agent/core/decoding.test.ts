import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ChunkRecord, plannedLength, smallChunkMax } from "./chunk-record.ts";
import { ChunkSize } from "./chunk-size.ts";
import { drawToken } from "./draw.ts";
import { dryBiases } from "./dry.ts";

const lengths = fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 30 });

/** Of each token: the chunk that it came in, where small ones are all the same. */
function classes(chunks: readonly number[]): string[] {
  let start = 0;
  return chunks.flatMap((length) => {
    const name = length <= smallChunkMax ? "small" : `${start}+${length}`;
    start += length;
    return new Array<string>(length).fill(name);
  });
}

test("a record tells of each token how it was evaluated, with small chunks merged", () => {
  fc.assert(
    fc.property(lengths, (chunks) => {
      const record = new ChunkRecord(chunks);
      assert.deepEqual(classes(record.lengths), classes(chunks));
      const small = record.lengths.filter((length) => length <= smallChunkMax).length;
      const large = record.lengths.length - small;
      assert.ok(small <= Math.ceil(chunks.reduce((sum, length) => sum + length, 0) / smallChunkMax) + large);
    }),
  );
});

test("what is kept of a record is still true, and no large chunk becomes a small one", () => {
  fc.assert(
    fc.property(lengths, fc.nat(3000), (chunks, wanted) => {
      const record = new ChunkRecord(chunks);
      const total = chunks.reduce((sum, length) => sum + length, 0);
      const kept = record.keepable(wanted);
      assert.ok(kept <= Math.min(wanted, total) && kept > Math.min(wanted, total) - 64);
      const before = classes(record.lengths).slice(0, kept);
      record.truncate(kept);
      const after = classes(record.lengths);
      assert.equal(after.length, kept);
      assert.deepEqual(
        after.map((name) => name === "small"),
        before.map((name) => name === "small"),
      );
    }),
  );
});

test("two records agree as far as every token came in the same chunk", () => {
  fc.assert(
    fc.property(lengths, lengths, lengths, (common, mine, other) => {
      const [own, plan] = [
        [...common, ...mine],
        [...common, ...other],
      ];
      const agreed = new ChunkRecord(own).agreement(plan);
      assert.deepEqual(classes(own).slice(0, agreed), classes(plan).slice(0, agreed));
      assert.ok(agreed >= common.reduce((sum, length) => sum + length, 0) || common.at(-1) !== undefined);
    }),
  );
});

test("a plan tells the rest of the chunk that a position is in", () => {
  assert.equal(plannedLength([256, 256, 40], 0), 256);
  assert.equal(plannedLength([256, 256, 40], 300), 212);
  assert.equal(plannedLength([256, 256, 40], 512), 40);
  assert.equal(plannedLength([256, 256, 40], 552), null);
});

test("a draw follows the weights", () => {
  const tokens = [10, 0.5, 20, 0.3, 30, 0.15, 40, 0.05, 50, 0];
  const counts = new Map<number | null, number>();
  const draws = 20_000;
  for (let position = 0; position < draws; position += 1) {
    const id = drawToken(tokens, 12345, position);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  // Chi-squared with 3 degrees of freedom: above 16.3 once in a thousand seeds; the seed is fixed.
  let chiSquared = 0;
  for (const [id, share] of [
    [10, 0.5],
    [20, 0.3],
    [30, 0.15],
    [40, 0.05],
  ] as const)
    chiSquared += ((counts.get(id) ?? 0) - draws * share) ** 2 / (draws * share);
  assert.ok(chiSquared < 16.3, `chi-squared is ${chiSquared}`);
  assert.equal(counts.get(50), undefined);
});

test("a draw depends on seed and position, not on the order or scale, nor on candidates that lost", () => {
  const candidates = fc.uniqueArray(fc.tuple(fc.nat(200_000), fc.double({ min: 0.001, max: 1, noNaN: true })), {
    selector: ([id]) => id,
    minLength: 2,
    maxLength: 40,
  });
  fc.assert(
    fc.property(candidates, fc.maxSafeNat(), fc.nat(100_000), (tokens, seed, position) => {
      const winner = drawToken(tokens.flat(), seed, position);
      const turned = [...tokens].reverse().map(([id, weight]) => [id, weight * 8]);
      assert.equal(drawToken(turned.flat(), seed, position), winner);
      const fewer = tokens.filter(([id], index) => id === winner || index % 2 === 0);
      assert.equal(drawToken(fewer.flat(), seed, position), winner);
    }),
  );
  assert.equal(drawToken([], 1, 1), null);
});

const dry = { multiplier: 1, base: 2, allowedLength: 2, lastTokens: 100 } as const;

test("a token that would lengthen a repetition loses more the longer it is", () => {
  assert.deepEqual(
    dryBiases([1, 2, 3, 9, 1, 2], dry, () => false),
    [{ tokenId: 3, bias: -1 }],
  );
  assert.deepEqual(
    dryBiases([1, 2, 3, 4, 9, 1, 2, 3], dry, () => false),
    [{ tokenId: 4, bias: -2 }],
  );
  assert.deepEqual(
    dryBiases([1, 2, 3], dry, () => false),
    [],
  );
});

test("no repetition is counted over a breaker or beyond the window", () => {
  assert.deepEqual(
    dryBiases([1, 7, 2, 3, 9, 1, 7, 2], dry, (id) => id === 7),
    [],
  );
  assert.deepEqual(
    dryBiases([1, 2, 3, 9, 9, 9, 1, 2], { ...dry, lastTokens: 5 }, () => false),
    [],
  );
});

test("the penalties are those of the definition", () => {
  const text = fc.array(fc.nat(3), { maxLength: 60 });
  fc.assert(
    fc.property(text, (ids) => {
      const expected = new Map<number, number>();
      for (let end = 0; end + 1 < ids.length; end += 1) {
        let length = 0;
        while (length <= end && ids[end - length] === ids[ids.length - 1 - length] && ids[end - length] !== 0)
          length += 1;
        const next = ids[end + 1] ?? 0;
        if (length >= dry.allowedLength) expected.set(next, Math.max(expected.get(next) ?? 0, length));
      }
      const found = dryBiases(ids, dry, (id) => id === 0);
      assert.deepEqual(
        new Map(found.map(({ tokenId, bias }) => [tokenId, bias])),
        new Map([...expected].map(([id, length]) => [id, -(2 ** (length - 2))])),
      );
    }),
  );
});

test("chunks are as long as a pause of half a second allows, from 64 to the maximum", () => {
  const sizes = [
    { tokensPerSecond: 100, expected: 64 },
    { tokensPerSecond: 400, expected: 192 },
    { tokensPerSecond: 5000, expected: 256 },
  ];
  for (const { tokensPerSecond, expected } of sizes) {
    const chunkSize = new ChunkSize(256);
    assert.equal(chunkSize.next(true), 256);
    chunkSize.observe(256, (256 / tokensPerSecond) * 1000);
    chunkSize.observe(3, 1);
    assert.equal(chunkSize.next(true), expected);
    assert.equal(chunkSize.next(false), 256);
  }
});
