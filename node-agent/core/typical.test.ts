import assert from "node:assert/strict";
import { test } from "node:test";
import { typicalTokens } from "./typical.ts";

const all = { typicalP: 1, topP: 1, minP: 0, temperature: 1 };
/** Ids from 1 on, most likely first. */
const tokens = (...shares: readonly number[]): number[] => shares.flatMap((share, index) => [index + 1, share]);
const idsOf = (left: readonly number[]): number[] => left.filter((_, place) => place % 2 === 0);

test("the most likely token goes where it says less than is expected", () => {
  // The entropy is 2.46 nats: -ln 0.3 is 1.20, and -ln 0.05 is 3.00, which is nearer.
  const shares = tokens(0.3, ...Array.from({ length: 14 }, () => 0.05));
  assert.deepEqual(idsOf(typicalTokens(shares, { ...all, typicalP: 0.12 })), [2, 3, 4]);
  assert.ok(!idsOf(typicalTokens(shares, { ...all, typicalP: 0.68 })).includes(1));
  assert.equal(idsOf(typicalTokens(shares, all)).length, 15);
});

test("one token is left at least, and shares need not sum to 1", () => {
  assert.deepEqual(idsOf(typicalTokens(tokens(6, 2, 1, 1), { ...all, typicalP: 0.01 })), [2]);
  assert.deepEqual(typicalTokens([], all), []);
  assert.deepEqual(typicalTokens([7, 1, 8, 0], all), [7, 1]);
});

test("top-p, min-p and the temperature are those of what is left", () => {
  const shares = tokens(0.4, 0.3, 0.2, 0.1);
  assert.deepEqual(idsOf(typicalTokens(shares, { ...all, topP: 0.7 })), [1, 2]);
  assert.deepEqual(idsOf(typicalTokens(shares, { ...all, minP: 0.6 })), [1, 2]);
  const [, first = 0, , second = 0] = typicalTokens(shares, { ...all, temperature: 0.5 });
  assert.ok(Math.abs(first / second - (4 / 3) ** 2) < 1e-9);
});
