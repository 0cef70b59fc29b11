import { unreachable } from "../../assert.ts";
import { findFault } from "./gbnf-analysis.ts";
import { type GbnfGrammar, gbnfLimits, grammarError, placeIn } from "./gbnf-grammar.ts";
import { parseGbnf } from "./gbnf-parser.ts";

/** UTF-8 bytes of a grammar that a user may send. */
const gbnfTextBytesMax = 64 * 1024;
/** UTF-8 bytes of a grammar on its way to a node: compiled from a schema it may be longer than its source. */
export const compiledGbnfBytesMax = 512 * 1024;

/**
 * Checks a grammar that a user sent, before the engine sees it: a hostile one ends the engine's process or never leaves
 * its parser. Bounded are the text (`bytesMax`, 64 KB), the nesting, the repetitions and what they expand to; each rule is defined
 * once, `root` is among them, none begins with itself. `field` is the request field that an error names.
 * Throws `invalid_request` that says what is wrong and where. Syntax: llama.cpp's grammars/README.md.
 */
export function checkGbnf(text: string, field = "grammar", bytesMax = gbnfTextBytesMax): void {
  // A text has at least as many bytes as UTF-16 units, so a huge one is not encoded first.
  if (text.length > bytesMax || new TextEncoder().encode(text).length > bytesMax) {
    throw grammarError(`it is longer than ${bytesMax} bytes`, field);
  }
  if (/\0|\p{Surrogate}/u.test(text)) throw grammarError("it holds a NUL or half a surrogate pair", field);
  checkRules(parseGbnf(text, field), text, field);
}

/** The part of `checkGbnf` that looks at the rules and not at the text. */
export function checkRules(grammar: GbnfGrammar, text: string, field: string): void {
  const fault = findFault(grammar);
  if (fault === null) return;
  switch (fault.kind) {
    case "left-recursion":
      throw grammarError(`the rule \`${fault.name}\` may begin with itself (left recursion)`, field);
    case "empty-repetition":
      throw grammarError(`something is repeated that may be empty, ${placeIn(text, fault.position)}`, field);
    case "empty-row":
      throw grammarError(
        `the rule \`${fault.name}\` has more than ${gbnfLimits.emptyRow} parts in a row that may be empty`,
        field,
      );
    case "chain-too-long":
      throw grammarError(
        `the rule \`${fault.name}\` begins a chain of more than ${gbnfLimits.chainLength} rules`,
        field,
      );
    case "search-too-large":
      throw grammarError("too many rules begin with one another", field);
    default:
      unreachable(fault);
  }
}
