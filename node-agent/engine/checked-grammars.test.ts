import assert from "node:assert/strict";
import { test } from "node:test";
import { CheckedGrammars } from "./checked-grammars.ts";

test("a grammar that was found good is not read again", () => {
  const words = Array.from({ length: 9_000 }, (_, index) => `"word ${index}"`);
  const text = `root ::= ${words.join(" | ")}`;
  const grammars = new CheckedGrammars();
  const timesMs = Array.from({ length: 5 }, () => {
    // Each comes in a message of its own.
    const sent = Buffer.from(text).toString();
    const beganAtMs = performance.now();
    grammars.check(sent);
    return performance.now() - beganAtMs;
  });
  const [first = 0, ...later] = timesMs;
  assert.ok(Math.min(...later) < first / 4, `${timesMs}`);
});

test("one that is not is refused however often it comes", () => {
  const grammars = new CheckedGrammars();
  grammars.check('root ::= "a"');
  for (let times = 0; times < 2; times += 1)
    assert.throws(() => grammars.check('root ::= root "a"'), { code: "invalid_request", field: "grammar" });
});
