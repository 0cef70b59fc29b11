import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Automaton, acceptsWord } from "./automaton.ts";
import { automatonOfRegex } from "./regex-automaton.ts";
import { parsePattern } from "./regex-syntax.ts";

/** Null when the pattern is too large. */
function automatonOf(pattern: string): Automaton | null {
  const refuse = (reason: string): never => {
    throw new Error(reason);
  };
  const node = parsePattern(pattern, refuse);
  try {
    return automatonOfRegex(node, { budget: { workLeft: 300_000 }, refuse });
  } catch {
    return null;
  }
}

const atoms = fc.constantFrom(
  "a",
  "b",
  ".",
  "[ab]",
  "[^a]",
  "[a-c-]",
  "\\d",
  "\\w",
  "\\s",
  "\\x61",
  "\\u{1F600}",
  "\\-",
  "\\.",
  "é",
);
const quantifiers = fc.constantFrom("", "*", "+", "?", "{2}", "{1,}", "{0,2}", "*?");
const { pattern: patterns } = fc.letrec<{ pattern: string; part: string }>((tie) => ({
  part: fc.oneof(
    { depthSize: "small" },
    fc.tuple(atoms, quantifiers).map((parts) => parts.join("")),
    fc
      .tuple(fc.constantFrom("(", "(?:", "(?<n>"), tie("pattern"), quantifiers)
      .map(([start, body, end]) => `${start}${body})${end}`),
  ),
  pattern: fc
    .array(
      fc.array(tie("part"), { maxLength: 3 }).map((parts) => parts.join("")),
      { minLength: 1, maxLength: 2 },
    )
    .map((parts) => parts.join("|")),
}));
const anchored = fc.tuple(fc.constantFrom("", "^"), patterns, fc.constantFrom("", "$")).map((parts) => parts.join(""));
const words = fc.string({ unit: fc.constantFrom("a", "b", "c", "1", " ", "\n", "-", ".", "é", "😀"), maxLength: 6 });

test("an automaton matches what JavaScript's own expression matches", () => {
  fc.assert(
    fc.property(anchored, fc.array(words, { minLength: 5, maxLength: 20 }), (pattern, texts) => {
      // A name may be given to one group only, and a hyphen has no backslash outside of a class with the flag `u`.
      const native = new RegExp(pattern.replaceAll("(?<n>", "(").replaceAll("\\-", "-"), "u");
      const automaton = automatonOf(pattern);
      fc.pre(automaton !== null);
      for (const text of texts) assert.equal(acceptsWord(automaton, text), native.test(text), `${pattern} on ${text}`);
    }),
    { numRuns: 500 },
  );
});
