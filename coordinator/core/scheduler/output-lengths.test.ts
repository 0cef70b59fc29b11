import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { OutputLengths } from "./output-lengths.ts";

test("what is left is the mean of the longer answers, less what is there", () => {
  const lengths = new OutputLengths();
  for (let i = 0; i < 300; i += 1) lengths.note(i % 2 === 0 ? 100 : 300);
  assert.equal(lengths.left(0, 1000), 200);
  assert.equal(lengths.left(100, 1000), 200);
  assert.equal(lengths.left(200, 1000), 100);
  // Capped: (100 + 150) / 2.
  assert.equal(lengths.left(0, 150), 125);
  // Longer than all that is remembered: by half.
  assert.equal(lengths.left(400, 1000), 200);
  assert.equal(lengths.left(999, 1000), 1);
});

test("only the last 300 answers count", () => {
  const lengths = new OutputLengths();
  for (let i = 0; i < 300; i += 1) lengths.note(1000);
  for (let i = 0; i < 300; i += 1) lengths.note(10);
  assert.equal(lengths.left(0, 5000), 10);
});

test("the sums give what counting gives, and never more than there is room for", () => {
  const length = fc.integer({ min: 0, max: 5000 });
  fc.assert(
    fc.property(fc.array(length, { maxLength: 400 }), length, length, (seen, generated, maxTokens) => {
      const lengths = new OutputLengths();
      for (const each of [...Array.from({ length: 300 }, () => 77), ...seen]) lengths.note(each);
      const left = lengths.left(generated, maxTokens);
      assert.ok(left >= 0 && left <= Math.max(0, maxTokens - generated));
      const remembered = [...Array.from({ length: 300 }, () => 77), ...seen].slice(-300);
      const longer = remembered.filter((each) => each > generated);
      if (longer.length === 0) return;
      const sum = longer.reduce((total, each) => total + Math.min(each, maxTokens) - generated, 0);
      const counted = Math.min(Math.max(0, sum / longer.length), Math.max(0, maxTokens - generated));
      assert.ok(Math.abs(left - counted) < 1e-6, `${left}, counted ${counted}`);
    }),
  );
});
