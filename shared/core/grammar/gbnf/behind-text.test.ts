import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { runThrough } from "../../slices.ts";
import { compileAnswer } from "../compile-answer.ts";
import { GbnfMatcher, sampleText } from "../testing/gbnf-matcher.ts";
import { grammarBehind } from "./behind-text.ts";
import { checkGbnf } from "./check-gbnf.ts";
import { parseGbnf } from "./gbnf-parser.ts";

const behind = (text: string, beginning: string): string | null =>
  runThrough(grammarBehind(parseGbnf(text, "grammar"), beginning));

test("the texts behind a beginning are the ends of the grammar's texts, and no others", () => {
  const table: readonly (readonly [
    grammar: string,
    beginning: string,
    yes: readonly string[],
    no: readonly string[],
  ])[] = [
    ['root ::= "abc" | "abd" [0-9]* | "x"', "ab", ["c", "d", "d12"], ["", "abc", "x", "c1"]],
    ['root ::= "(" root ")" | "a"', "((", ["a))", "(a)))"], ["a)", "((a))"]],
    ['root ::= [a-c]{2,3} "é\\n"', "a", ["bé\n", "bcé\n"], ["é\n", "bcaé\n"]],
    ['root ::= part part\npart ::= "" | "a" | "aa"', "a", ["", "a", "aa", "aaa"], ["aaaa", "b"]],
  ];
  for (const [grammar, beginning, yes, no] of table) {
    const matcher = new GbnfMatcher(behind(grammar, beginning) ?? assert.fail(grammar));
    for (const text of yes) assert.ok(matcher.matches(text), `${grammar} ${text}`);
    for (const text of no) assert.ok(!matcher.matches(text), `${grammar} ${text}`);
  }
  assert.equal(behind('root ::= "a"', "b"), null);
  assert.equal(behind('root ::= "a"', "aa"), null);
});

const schema = {
  type: "object",
  properties: {
    name: { type: "string", maxLength: 20 },
    size: { enum: ['small "x"', "large"] },
    tags: { type: "array", items: { type: "integer" }, maxItems: 3 },
  },
  required: ["name", "tags"],
  additionalProperties: false,
};

test("wherever a document is cut, its rest follows its beginning, by rules that the engine takes", () => {
  const answer = { schema: { schema, field: "format" }, tools: [], choice: "auto" } as const;
  const form = {
    format: { calls: "harmony", thoughts: "none" },
    startsInReasoning: false,
    startsInText: true,
    thinking: "always",
  } as const;
  const whole = compileAnswer({ ...answer, begun: "" }, form) ?? "";
  const grammar = parseGbnf(whole, "grammar");
  fc.assert(
    fc.property(fc.array(fc.nat(1000), { minLength: 400, maxLength: 400 }), fc.nat(1000), (choices, place) => {
      let drawn = 0;
      const text = sampleText(grammar, (count) => (choices[drawn++ % choices.length] ?? 0) % count, 60);
      const characters = [...text];
      const end = place % (characters.length + 1);
      const rest = compileAnswer({ ...answer, begun: characters.slice(0, end).join("") }, form) ?? "";
      checkGbnf(rest, "grammar", 512 * 1024);
      const matcher = new GbnfMatcher(rest);
      assert.ok(matcher.matches(characters.slice(end).join("")));
      assert.ok(!matcher.begins("\u0001"));
    }),
    { numRuns: 100 },
  );
});

test("a beginning that leads nowhere, or is too long, is refused by the field of the schema", () => {
  const form = { format: { calls: "none", thoughts: "none" }, startsInReasoning: false, thinking: "never" } as const;
  const answer = { schema: { schema, field: "format" }, tools: [], choice: "auto" } as const;
  for (const begun of ["Here it is: {", '{"other', `{"name": "${"a".repeat(10_001)}`])
    assert.throws(() => compileAnswer({ ...answer, begun }, form), { code: "invalid_request", field: "format" });
});

test("a beginning that many listed values share is gone on with", () => {
  const form = { format: { calls: "none", thoughts: "none" }, startsInReasoning: false, thinking: "never" } as const;
  const numbers = Array.from({ length: 5000 }, (_, index) => index);
  const answer = { schema: { schema: { enum: numbers }, field: "format" }, tools: [], choice: "auto" } as const;
  const matcher = new GbnfMatcher(compileAnswer({ ...answer, begun: "1" }, form) ?? "");
  for (const rest of ["", "7", "999"]) assert.ok(matcher.matches(rest), rest);
  for (const rest of ["9999", ".5", "a"]) assert.ok(!matcher.matches(rest), rest);
});
