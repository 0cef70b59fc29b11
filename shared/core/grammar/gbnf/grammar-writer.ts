import { PomonaError } from "../../errors.ts";
import type { Slices } from "../../slices.ts";
import { grammarBehind } from "./behind-text.ts";
import { checkRules, compiledGbnfBytesMax } from "./check-gbnf.ts";
import { canEnd } from "./gbnf-analysis.ts";
import { type GbnfGrammar, gbnfLimits } from "./gbnf-grammar.ts";
import { parseGbnfInSlices } from "./gbnf-parser.ts";
import { gbnfLiteral } from "./gbnf-text.ts";
import { type JsonRuleName, jsonRules, jsonRulesInTags } from "./json-rules.ts";
import { answerWork, type WorkBudget } from "./work-budget.ts";

/** What `work` gives, or null when it throws an `invalid_request`. */
export function* unlessInvalid<Result>(work: Slices<Result>): Slices<Result | null> {
  try {
    return yield* work;
  } catch (error) {
    if (isInvalid(error)) return null;
    throw error;
  }
}

function isInvalid(error: unknown): boolean {
  return error instanceof PomonaError && error.code === "invalid_request";
}

/** Collects the rules of a grammar under names that are its own. */
export class GrammarWriter {
  readonly #bodies = new Map<string, string>();
  /** Names of rules that may be shared, by their bodies. */
  readonly #shared = new Map<string, string>();
  readonly #field: string;
  /** JSON stands between tags, and holds no `</` as it is. */
  readonly isInTags: boolean;
  /** Of all schemas that are compiled into it, also those whose rules are taken back. */
  readonly budget: WorkBudget = { workLeft: answerWork };
  #bytes = 0;

  /** `field` is the request field that an error names. */
  constructor(field: string, isInTags = false) {
    this.#field = field;
    this.isInTags = isInTags;
  }

  /** A name that no rule has yet; `hint` makes it readable. It has to be defined later. */
  reserve(hint: string): string {
    const words = hint.replace(/[^A-Za-z0-9]+/g, "-").slice(0, 30);
    const name = `${words.replace(/^-|-$/g, "") || "part"}-${this.#bodies.size}`;
    this.#bodies.set(name, "");
    if (this.#bodies.size > gbnfLimits.rules) this.#failTooLarge(`it has more than ${gbnfLimits.rules} rules`);
    return name;
  }

  define(name: string, body: string): void {
    this.#bodies.set(name, body);
    // As `finish` writes it.
    this.#bytes += new TextEncoder().encode(`${name} ::= ${body}\n`).length;
    this.#checkLength(this.#bytes);
  }

  add(hint: string, body: string): string {
    const name = this.reserve(hint);
    this.define(name, body);
    return name;
  }

  /** The rule of the same body, where it was added so before and was not taken back. */
  addOnce(hint: string, body: string): string {
    const known = this.#shared.get(body);
    if (known !== undefined && this.#bodies.get(known) === body) return known;
    const name = this.add(hint, body);
    this.#shared.set(body, name);
    return name;
  }

  /** The name of a rule of JSON itself, added with all that it refers to. */
  json(name: JsonRuleName): JsonRuleName {
    if (this.#bodies.has(name)) return name;
    const { body, uses } = (this.isInTags ? jsonRulesInTags : jsonRules)[name];
    this.define(name, body);
    for (const used of uses) this.json(used);
    return name;
  }

  /** The literal of a JSON value, as `JSON.stringify` writes it. */
  jsonLiteral(value: unknown, more = ""): string {
    return gbnfLiteral(this.spellJson(value) + more);
  }

  /** A JSON value, as `JSON.stringify` writes it. */
  spellJson(value: unknown): string {
    return this.#escape(JSON.stringify(value));
  }

  /** A part of a JSON string, as `JSON.stringify` writes it. */
  spell(text: string): string {
    return this.#escape(JSON.stringify(text).slice(1, -1));
  }

  #escape(json: string): string {
    return this.isInTags ? json.replaceAll("<", "\\u003c") : json;
  }

  /** What `work` gives, or null and as if it had never been when it throws an `invalid_request`. */
  attempt<Result>(work: () => Result): Result | null {
    const [names, bytes] = [new Set(this.#bodies.keys()), this.#bytes];
    try {
      return work();
    } catch (error) {
      if (!isInvalid(error)) throw error;
    }
    for (const name of this.#bodies.keys()) if (!names.has(name)) this.#bodies.delete(name);
    // Rules that are taken back have taken their time.
    this.budget.workLeft -= this.#bytes - bytes;
    this.#bytes = bytes;
    return null;
  }

  /** The grammar whose texts are those of `body`, checked against the limits of the engine. */
  *finish(body: string): Slices<string> {
    return (yield* this.#finished(body)).text;
  }

  /** The same of what such a text has behind its beginning; null where none begins so. */
  *finishBehind(body: string, beginning: string): Slices<string | null> {
    const { grammar } = yield* this.#finished(body);
    const rest = yield* grammarBehind(grammar, beginning);
    if (rest === null) return null;
    this.#checkLength(new TextEncoder().encode(rest).length);
    yield;
    yield* this.#check(rest);
    return rest;
  }

  *#finished(body: string): Slices<{ readonly text: string; readonly grammar: GbnfGrammar }> {
    this.define("root", body);
    const rules = [...this.#bodies].map(([name, text]) => `${name} ::= ${text}\n`);
    const text = rules.reverse().join("");
    yield;
    const grammar = yield* this.#check(text);
    yield;
    if (!canEnd(grammar)) {
      const message = "the schema matches nothing that ends: a value requires another one of its own kind";
      throw new PomonaError("invalid_request", message, { field: this.#field });
    }
    return { text, grammar };
  }

  #checkLength(bytes: number): void {
    if (bytes > compiledGbnfBytesMax) this.#failTooLarge(`its text is longer than ${compiledGbnfBytesMax} bytes`);
  }

  *#check(text: string): Slices<GbnfGrammar> {
    try {
      const grammar = yield* parseGbnfInSlices(text, this.#field);
      yield;
      checkRules(grammar, text, this.#field);
      return grammar;
    } catch (error) {
      return this.#failTooLarge(error instanceof Error ? error.message.replace(/^.*?: /, "") : String(error));
    }
  }

  #failTooLarge(reason: string): never {
    const message = `the grammar that the schema makes is too large: ${reason}`;
    throw new PomonaError("invalid_request", message, { field: this.#field });
  }
}
