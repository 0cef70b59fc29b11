import assert from "node:assert/strict";
import { test } from "node:test";
import { ownScope } from "./generation.ts";
import { prefixBlockLength, prefixHashes } from "./prefix-hash.ts";

const tokens = (length: number, from = 0): number[] => Array.from({ length }, (_, i) => from + i);

test("each whole block has a number, which stands for everything before it", () => {
  const hashes = prefixHashes(tokens(3 * prefixBlockLength + 10), ownScope(""));
  assert.equal(hashes.length, 3);
  assert.deepEqual(prefixHashes(tokens(2 * prefixBlockLength), ownScope("")), hashes.slice(0, 2));
  const changed = tokens(3 * prefixBlockLength);
  changed[prefixBlockLength + 44] = 7;
  const others = prefixHashes(changed, ownScope(""));
  assert.equal(others[0], hashes[0]);
  assert.notEqual(others[1], hashes[1]);
  assert.notEqual(others[2], hashes[2]);
});

test("another scope has other numbers", () => {
  assert.notDeepEqual(
    prefixHashes(tokens(prefixBlockLength), ownScope("a")),
    prefixHashes(tokens(prefixBlockLength), ownScope("b")),
  );
});

test("the numbers are exact integers, and hardly ever equal", () => {
  const seen = new Set<number>();
  for (let i = 0; i < 2000; i += 1) {
    const [hash = -1] = prefixHashes(tokens(prefixBlockLength, i), ownScope(""));
    assert.ok(Number.isSafeInteger(hash) && hash >= 0 && hash < 2 ** 52);
    seen.add(hash);
  }
  assert.equal(seen.size, 2000);
});

test("so many blocks at most are named", () => {
  assert.equal(prefixHashes(tokens(10 * prefixBlockLength), ownScope(""), 4).length, 4);
});

test("blocks that are wholly shared have the same numbers for everybody", () => {
  const length = 3 * prefixBlockLength;
  const [a, b] = ["a", "b"].map((owner) =>
    prefixHashes(tokens(length), { owner, sharedTokens: 2 * prefixBlockLength + 5 }),
  );
  assert.deepEqual(a?.slice(0, 2), b?.slice(0, 2));
  assert.notEqual(a?.[2], b?.[2]);
  assert.deepEqual(a?.slice(0, 2), prefixHashes(tokens(2 * prefixBlockLength), ownScope("")));
});
