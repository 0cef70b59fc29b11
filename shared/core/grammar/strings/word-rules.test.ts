import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { runThrough } from "../../slices.ts";
import { GrammarWriter } from "../gbnf/grammar-writer.ts";
import { GbnfMatcher } from "../testing/gbnf-matcher.ts";
import { addWordRules } from "./word-rules.ts";

const words = fc.string({
  unit: fc.constantFrom("a", "b", "ab", '"', "\\", "\n", "\u{1f600}", "\u{1f601}"),
  maxLength: 6,
});

test("the words are texts of the grammar, and no others", () => {
  fc.assert(
    fc.property(fc.uniqueArray(words, { minLength: 1, maxLength: 9 }), words, (listed, other) => {
      const writer = new GrammarWriter("a");
      const body = addWordRules(writer, listed, { hint: "word", spell: (text) => writer.spell(text), end: '"' });
      const matcher = new GbnfMatcher(runThrough(writer.finish(`"\\"" ${body}`)));
      for (const word of listed) assert.ok(matcher.matches(JSON.stringify(word)), word);
      assert.equal(matcher.matches(JSON.stringify(other)), listed.includes(other));
    }),
  );
});

test("words as they are may begin with one another", () => {
  const writer = new GrammarWriter("a");
  const body = addWordRules(writer, ["", "a", "ab", "b"], { hint: "word", spell: (text) => text, end: "" });
  const matcher = new GbnfMatcher(runThrough(writer.finish(`${body} ";"`)));
  assert.deepEqual(
    [";", "a;", "ab;", "b;", "bb;", "aa;"].map((text) => matcher.matches(text)),
    [true, true, true, true, false, false],
  );
});
