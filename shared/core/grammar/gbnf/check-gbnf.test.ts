import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PomonaError } from "../../errors.ts";
import { GbnfMatcher } from "../testing/gbnf-matcher.ts";
import { checkGbnf } from "./check-gbnf.ts";

const accepted: readonly (readonly [string, string])[] = [
  ["a list", 'root ::= ("- " item)+\nitem ::= [^\\n]+ "\\n"'],
  ["comments, groups over lines and a bar at the end of a line", 'root ::= ( # one\n "a"\n | b ) |\n "c"\nb ::= "b"'],
  ["every escape", 'root ::= "\\x41\\u00e9\\U0001F600\\t\\r\\n\\\\\\"\\[\\]" [\\-a-z\\]]'],
  ["a hyphen at the end of a class", 'root ::= [+a-] [^"\\\\\\x7F\\x00-\\x1F]'],
  ["all repetitions", 'root ::= "a"* "b"+ "c"? "d"{3} "e"{2,} "f"{0,1999} [a]{ 1 , 2 }'],
  ["recursion behind a character", 'root ::= "(" root? ")"'],
  ["tokens by number", 'root ::= <[1000]> !<[1001]>* "x"'],
  ["an empty alternative", 'root ::= | "a" "" b\nb ::='],
  ["ends of lines of other systems", 'root ::= a\r\na ::= "x"\r\n'],
  ["100 parentheses", `root ::= ${"(".repeat(100)} "a" ${")".repeat(100)}`],
];

for (const [name, text] of accepted) {
  test(`a grammar may hold ${name}`, () => checkGbnf(text));
}

const chain = (count: number, body: (next: string) => string): string =>
  `root ::= r0\n${Array.from({ length: count }, (_, index) => `r${index} ::= ${body(`r${index + 1}`)}`).join("\n")}\nr${count} ::= "x"`;

const refused: readonly (readonly [string, string, RegExp])[] = [
  ["200,000 parentheses", `root ::= ${"(".repeat(200_000)}`, /longer than 65536 bytes/],
  ["50,000 parentheses", `root ::= ${"(".repeat(50_000)}`, /nested deeper than 100, at line 1, column 110/],
  ["too many bytes in few characters", `root ::= "${"é".repeat(33_000)}"`, /longer than 65536 bytes/],
  ["nothing", "", /no rule `root`, at line 1, column 1/],
  ["no root", 'start ::= "a"', /no rule `root`/],
  ["an undefined rule", 'root ::= "a" |\n  other', /`other` is not defined, at line 2, column 3/],
  ["a bar at the start of a line", 'root ::= "a"\n  | "b"', /name of a rule is missing/],
  ["an undefined rule in a group", 'root ::= ("a"\n | other)', /`other` is not defined, at line 2, column 4/],
  ["a rule twice", 'root ::= "a"\nroot ::= "b"', /defined twice, at line 2, column 1/],
  ["a name with an underscore", 'root ::= a_b\na ::= "a"', /`_` is not expected here, at line 1, column 11/],
  ["left recursion", 'root ::= root "a" | "b"', /`root` may begin with itself/],
  ["left recursion over rules", 'root ::= a\na ::= b "x"\nb ::= a "y" | "z"', /may begin with itself/],
  [
    "left recursion behind what may be empty",
    'root ::= e root "x" | "y"\ne ::= f\nf ::= "a"?',
    /may begin with itself/,
  ],
  [
    "a repetition of what may be empty",
    'root ::= "b" e{0,9}\ne ::= f\nf ::= "a"?',
    /repeated that may be empty, at line 1, column 15/,
  ],
  ["a long row of what may be empty", `root ::= ${'"a"? '.repeat(101)}`, /`root` has more than 100 parts in a row/],
  ["too many repetitions", 'root ::= "a"{2000}', /more than 1999 repetitions, at line 1, column 13/],
  ["a silly number", 'root ::= "a"{1,99999999999999999999999}', /more than 1999 repetitions/],
  ["repetitions of repetitions", 'root ::= (("a" "b"){1,50}){1,50}', /more than 1999 rules/],
  ["too much text repeated", `root ::= "${"a".repeat(200)}"{1500}`, /more than 200000 elements/],
  ["more at least than at most", 'root ::= "a"{3,2}', /at least 3 but at most 2/],
  ["a repetition of nothing", 'root ::= "" *', /nothing to repeat, at line 1, column 13/],
  ["a repetition without a number", 'root ::= "a"{,3}', /number of repetitions is missing/],
  ["a literal without an end", 'root ::= "abc', /does not end/],
  ["a class without an end", "root ::= [abc", /does not end/],
  ["a group without an end", 'root ::= ("a"', /`\)` is missing/],
  ["an unknown escape", 'root ::= "\\q"', /no escape `\\q`/],
  ["an escape that is too short", 'root ::= "\\u12"', /needs 4 hexadecimal digits/],
  ["an empty class", "root ::= []", /class of characters is empty/],
  ["a class that nothing is in", "root ::= [^\\x00-\\U0010FFFF]", /no text can hold/],
  ["a range the wrong way round", "root ::= [z-a]", /wrong way round/],
  ["a character that no text holds", 'root ::= "\\ud800"', /no text can hold/],
  ["NUL", 'root ::= "a"\0(((', /NUL/],
  ["tokens by text", "root ::= <think>", /by its number/],
  ["something else", "root = 1", /`::=` is missing after the name `root`, at line 1, column 6/],
  ["rules that double the engine's search", chain(60, (next) => `${next} | ${next}`), /begin with one another/],
  ["a chain of 5,000 rules", chain(4_001, (next) => next), /chain of more than 4000 rules/],
];

for (const [name, text, message] of refused) {
  test(`a grammar may not hold ${name}`, () => {
    assert.throws(
      () => checkGbnf(text, "body.grammar"),
      (error) =>
        error instanceof PomonaError &&
        error.code === "invalid_request" &&
        error.field === "body.grammar" &&
        message.test(error.message),
    );
  });
}

test("any text is accepted or refused as invalid_request, in no time", () => {
  const pieces = fc.constantFrom(...'root;a;b; ::= ;|;(;);*;+;?;{1,3};{1999};\n;"x";[a-z];.;<[1]>;#;\\;"'.split(";"));
  const texts = fc.array(pieces, { maxLength: 60 }).map((parts) => `root ::= ${parts.join("")}`);
  fc.assert(
    fc.property(fc.oneof(texts, fc.string()), (text) => {
      try {
        checkGbnf(text);
      } catch (error) {
        assert.ok(error instanceof PomonaError && error.code === "invalid_request", String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test("the matcher of the tests follows a grammar", () => {
  const matcher = new GbnfMatcher('root ::= "[" (item ("," item){0,2})? "]"\nitem ::= [a-c]+ | root');
  for (const text of ["[]", "[a]", "[ab,[],[c]]"]) assert.equal(matcher.matches(text), true, text);
  for (const text of ["", "[", "[d]", "[a,b,c,a]", "[a]]"]) assert.equal(matcher.matches(text), false, text);
});
