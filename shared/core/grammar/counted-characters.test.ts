import assert from "node:assert/strict";
import { test } from "node:test";
import { compileJsonSchema } from "./compile-json-schema.ts";
import { GbnfMatcher } from "./testing/gbnf-matcher.ts";

const quoted = (length: number): string => JSON.stringify("é".repeat(length));

test("a string has as many characters as the schema says, however many these are", () => {
  const ranges = [
    [0, 64],
    [1, 500],
    [0, 5000],
    [63, 64],
    [100, 4100],
    [4096, 4096],
    [3000, null],
  ] as const;
  for (const [least, most] of ranges) {
    const matcher = new GbnfMatcher(
      compileJsonSchema({ type: "string", minLength: least, ...(most === null ? {} : { maxLength: most }) }),
    );
    const greatest = most ?? least + 500;
    const between = [least, least + 1, Math.floor((least + greatest) / 2), greatest - 1, greatest];
    for (const length of between.filter((length) => length >= least && length <= greatest))
      assert.ok(matcher.matches(quoted(length)), `${length} of ${least} to ${most}`);
    if (least > 0) assert.ok(!matcher.matches(quoted(least - 1)), `${least - 1} of ${least} to ${most}`);
    if (most !== null) assert.ok(!matcher.begins(quoted(most + 1).slice(0, -1)), `${most + 1} of ${least} to ${most}`);
    assert.ok(matcher.stacksMax < 20, `${matcher.stacksMax} derivations for ${least} to ${most}`);
  }
});

test("every number of characters between the least and the most is possible", () => {
  const matcher = new GbnfMatcher(compileJsonSchema({ type: "string", minLength: 5, maxLength: 210 }));
  for (let length = 0; length < 220; length++)
    assert.equal(matcher.matches(quoted(length)), length >= 5 && length <= 210, String(length));
});

test("many strings of a great length make a grammar that the engine takes", () => {
  const properties = Object.fromEntries(
    Array.from({ length: 100 }, (_, index) => [`p${index}`, { type: "string", maxLength: 2000 + index }]),
  );
  assert.ok(compileJsonSchema({ type: "object", properties }).length < 20_000);
});
