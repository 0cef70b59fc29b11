import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { GbnfMatcher, sampleText } from "../testing/gbnf-matcher.ts";
import { integerRange, numberRange } from "./number-ranges.ts";

const ends = fc.oneof(fc.integer({ min: -1200, max: 1200 }), fc.maxSafeInteger());
const bounds = fc.tuple(fc.option(ends), fc.option(ends)).map((pair) => {
  const [one, other] = pair;
  return one !== null && other !== null && one > other ? ([other, one] as const) : pair;
});

test("a whole number is a text of a range if and only if it is in it", () => {
  const near = fc.integer({ min: -2, max: 2 });
  fc.assert(
    fc.property(bounds, near, ends, ([minimum = null, maximum = null], step, far) => {
      const matcher = new GbnfMatcher(`root ::= ${integerRange(minimum, maximum)}\n`);
      for (const value of [far, (minimum ?? 0) + step, (maximum ?? 0) + step]) {
        if (!Number.isSafeInteger(value)) continue;
        const isIn = (minimum === null || value >= minimum) && (maximum === null || value <= maximum);
        assert.equal(matcher.matches(String(value)), isIn, `${value} in ${minimum} to ${maximum}`);
      }
    }),
    { numRuns: 500 },
  );
});

test("beyond the largest safe integers there is no number to write", () => {
  const ends = { isMinimumExclusive: true, isMaximumExclusive: true };
  assert.equal(numberRange({ minimum: null, maximum: Number.MIN_SAFE_INTEGER, ...ends }), null);
  assert.equal(numberRange({ minimum: Number.MAX_SAFE_INTEGER, maximum: null, ...ends }), null);
});

test("every text of a range of numbers is read as a number in it, also where it is rounded", () => {
  const tight = fc.tuple(ends, fc.integer({ min: 1, max: 2 })).map(([low, width]) => [low, low + width] as const);
  const choice = fc.infiniteStream(fc.oneof(fc.nat(), fc.constant(9), fc.constant(2 ** 31 - 1)));
  const flags = fc.record({ isMinimumExclusive: fc.boolean(), isMaximumExclusive: fc.boolean() });
  fc.assert(
    fc.property(fc.oneof(tight, bounds), flags, choice, ([minimum = null, maximum = null], exclusive, stream) => {
      const isOpen = minimum === null || maximum === null || minimum < maximum;
      fc.pre(isOpen && Number.isSafeInteger(maximum ?? 0));
      const body = numberRange({ minimum, maximum, ...exclusive });
      if (body === null) return;
      const { grammar } = new GbnfMatcher(`root ::= ${body}\n`);
      for (let sample = 0; sample < 5; sample += 1) {
        const text = sampleText(grammar, (count) => Number(stream.next().value) % count);
        const value = JSON.parse(text);
        const low = minimum ?? Number.NEGATIVE_INFINITY;
        const high = maximum ?? Number.POSITIVE_INFINITY;
        assert.ok(exclusive.isMinimumExclusive ? value > low : value >= low, `${text} from ${low}`);
        assert.ok(exclusive.isMaximumExclusive ? value < high : value <= high, `${text} to ${high}`);
      }
    }),
    { numRuns: 1000 },
  );
});
