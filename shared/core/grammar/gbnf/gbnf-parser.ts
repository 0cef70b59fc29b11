import { runThrough, type Slices } from "../../slices.ts";
import { GbnfCursor } from "./gbnf-cursor.ts";
import {
  type GbnfElement,
  type GbnfGrammar,
  type GbnfRepetition,
  type GbnfSequence,
  gbnfLimits,
} from "./gbnf-grammar.ts";

/** A sequence that is being read. `symbolRules` is how many rules its last symbol, from `symbolStart` on, stands for. */
type OpenSequence = { readonly elements: GbnfElement[]; symbolStart: number; symbolRules: number };

/** `alternatives` is null while only references to the rule were read; `position` is where it was first named. */
type OpenRule = { readonly name: string; readonly position: number; alternatives: readonly GbnfSequence[] | null };

/** `max` is null where there is none. */
type Repetition = { readonly min: number; readonly max: number | null };

/**
 * Reads a GBNF text into the same rules that the engine makes of it (`llama_grammar_parser` of llama.cpp), within
 * `gbnfLimits`. Time and memory are linear in the text and the limits. Throws `invalid_request` about `field`.
 */
export function parseGbnf(text: string, field: string): GbnfGrammar {
  return runThrough(parseGbnfInSlices(text, field));
}

/** The same, with pauses. */
export function parseGbnfInSlices(text: string, field: string): Slices<GbnfGrammar> {
  return new GbnfParser(text, field).parse();
}

/** Characters between two pauses: a few milliseconds. */
const sliceLength = 32 * 1024;

class GbnfParser {
  readonly #cursor: GbnfCursor;
  readonly #rules: OpenRule[] = [];
  readonly #indexes = new Map<string, number>();
  readonly #repetitions: GbnfRepetition[] = [];
  #elements = 0;

  constructor(text: string, field: string) {
    this.#cursor = new GbnfCursor(text, field);
  }

  *parse(): Slices<GbnfGrammar> {
    this.#cursor.skipBlanks(true);
    for (let pausedAt = 0; !this.#cursor.isAtEnd; this.#parseRule()) {
      if (this.#cursor.position - pausedAt < sliceLength) continue;
      pausedAt = this.#cursor.position;
      yield;
    }
    const root = this.#indexes.get("root");
    if (root === undefined) this.#cursor.fail("it has no rule `root`", 0);
    const rules = this.#rules.map(({ name, position, alternatives }) => {
      if (alternatives === null) this.#cursor.fail(`the rule \`${name}\` is not defined`, position);
      return { name, alternatives };
    });
    return { rules, root, repetitions: this.#repetitions };
  }

  #parseRule(): void {
    const cursor: GbnfCursor = this.#cursor;
    const start = cursor.position;
    const name = cursor.takeName();
    if (name === "") cursor.fail("the name of a rule is missing: letters, digits and hyphens");
    cursor.skipBlanks(false);
    const rule = this.#rules[this.#indexOf(name, start)];
    if (rule === undefined || rule.alternatives !== null) cursor.fail(`the rule \`${name}\` is defined twice`, start);
    cursor.expect("::=", `after the name \`${name}\``);
    cursor.skipBlanks(true);
    rule.alternatives = this.#parseAlternatives(name, 0);
    if (!cursor.isAtEnd && !/[\r\n]/.test(cursor.next)) cursor.fail(`\`${cursor.next}\` is not expected here`);
    cursor.skipBlanks(true);
  }

  #parseAlternatives(name: string, nesting: number): readonly GbnfSequence[] {
    const alternatives = [this.#parseSequence(name, nesting)];
    while (this.#cursor.take("|")) {
      this.#cursor.skipBlanks(true);
      alternatives.push(this.#parseSequence(name, nesting));
    }
    return alternatives;
  }

  #parseSequence(name: string, nesting: number): GbnfSequence {
    const sequence: OpenSequence = { elements: [], symbolStart: 0, symbolRules: 1 };
    for (;;) {
      const start = this.#cursor.position;
      const repetition = this.#takeRepetition(nesting > 0);
      if (repetition !== null) this.#repeat(sequence, repetition, { name, position: start });
      else if (!this.#takeSymbol(sequence, name, nesting)) return sequence.elements;
      this.#cursor.skipBlanks(nesting > 0);
    }
  }

  /** Reads a literal, a class, a dot, a token, a name or a group; false when none of them comes next. */
  #takeSymbol(sequence: OpenSequence, name: string, nesting: number): boolean {
    const cursor: GbnfCursor = this.#cursor;
    const start = cursor.position;
    const elements: GbnfElement[] = [];
    const rulesBefore = this.#rules.length;
    let symbolRules = 1;
    if (cursor.take('"')) {
      while (!cursor.take('"')) elements.push({ kind: "characters", ...cursor.takeCharacter() });
    } else if (cursor.take("[")) elements.push({ kind: "characters", ...cursor.takeClass() });
    else if (cursor.take(".")) elements.push({ kind: "characters", ...cursor.anyCharacter() });
    else if (cursor.next === "<" || cursor.next === "!") elements.push(this.#takeToken());
    else if (cursor.take("(")) {
      elements.push(this.#takeGroup(name, nesting + 1));
      symbolRules = this.#rules.length - rulesBefore;
    } else {
      const reference = cursor.takeName();
      if (reference === "") return false;
      elements.push({ kind: "rule", index: this.#indexOf(reference, start), size: 1 });
    }
    sequence.symbolStart = sequence.elements.length;
    sequence.symbolRules = symbolRules;
    this.#append(sequence.elements, elements);
    return true;
  }

  #takeGroup(name: string, nesting: number): GbnfElement {
    const cursor: GbnfCursor = this.#cursor;
    if (nesting > gbnfLimits.nesting) {
      cursor.fail(`parentheses are nested deeper than ${gbnfLimits.nesting}`, cursor.position - 1);
    }
    cursor.skipBlanks(true);
    const index = this.#addRule(name, cursor.position);
    const alternatives = this.#parseAlternatives(name, nesting);
    cursor.expect(")", "here");
    this.#define(index, alternatives);
    return { kind: "rule", index, size: 1 };
  }

  /** `<[17]>` and `!<[17]>`. Tokens by their text need a vocabulary, which the engine's check does not have. */
  #takeToken(): GbnfElement {
    const cursor: GbnfCursor = this.#cursor;
    const start = cursor.position;
    const isNegated = cursor.take("!");
    if (!cursor.take("<[")) cursor.fail("a token has to be given by its number, as in `<[17]>`", start);
    const id = cursor.takeInteger();
    if (id === null || id > 0x7fffffff || !cursor.take("]>")) cursor.fail("the number of a token is wrong", start);
    return { kind: "token", id, isNegated, size: 1 };
  }

  /** Reads `*`, `+`, `?`, `{m}`, `{m,}` or `{m,n}`; null when none of them comes next. */
  #takeRepetition(overLines: boolean): Repetition | null {
    const cursor: GbnfCursor = this.#cursor;
    const start = cursor.position;
    if (cursor.take("*")) return { min: 0, max: null };
    if (cursor.take("+")) return { min: 1, max: null };
    if (cursor.take("?")) return { min: 0, max: 1 };
    if (!cursor.take("{")) return null;
    const min = this.#takeCount(overLines);
    if (min === null) cursor.fail("a number of repetitions is missing");
    let max: number | null = min;
    if (cursor.take(",")) max = this.#takeCount(overLines);
    cursor.expect("}", "after the numbers of repetitions");
    if (Math.max(min, max ?? 0) > gbnfLimits.repetitions) {
      cursor.fail(`more than ${gbnfLimits.repetitions} repetitions`, start);
    }
    if (max !== null && min > max) cursor.fail(`at least ${min} but at most ${max} repetitions`, start);
    return { min, max };
  }

  #takeCount(overLines: boolean): number | null {
    this.#cursor.skipBlanks(overLines);
    const count = this.#cursor.takeInteger();
    this.#cursor.skipBlanks(overLines);
    return count;
  }

  /**
   * Writes a repetition out as the engine does: S{2,4} becomes S S T2 with T2 ::= S T1 | and T1 ::= S |; S{2,} becomes
   * S S T with T ::= S T |. `symbolRules` follows its count of rules, which it refuses from 2,000 on.
   */
  #repeat(sequence: OpenSequence, { min, max }: Repetition, at: { name: string; position: number }): void {
    const repeated = sequence.elements.slice(sequence.symbolStart);
    if (repeated.length === 0) this.#cursor.fail("there is nothing to repeat", at.position);
    if (max === null || max > 1) this.#repetitions.push({ body: repeated, position: at.position });
    sequence.symbolRules *= Math.max(1, max ?? min);
    if (sequence.symbolRules > gbnfLimits.repetitions) {
      this.#cursor.fail(`a repetition stands for more than ${gbnfLimits.repetitions} rules`, at.position);
    }
    if (min === 0) sequence.elements.length = sequence.symbolStart;
    for (let copy = 1; copy < min; copy += 1) this.#append(sequence.elements, repeated);
    const optional = max === null ? 1 : max - min;
    let tail: GbnfElement | null = null;
    for (let count = 0; count < optional; count += 1) {
      const index = this.#addRule(at.name, at.position);
      const next: GbnfElement | null = max === null ? { kind: "rule", index, size: 1 } : tail;
      const body: GbnfElement[] = [];
      this.#append(body, next === null ? repeated : [...repeated, next]);
      this.#define(index, [body, []]);
      tail = { kind: "rule", index, size: 1 };
    }
    if (tail !== null) this.#append(sequence.elements, [tail]);
  }

  #append(elements: GbnfElement[], more: readonly GbnfElement[]): void {
    for (const element of more) {
      this.#elements += element.size;
      elements.push(element);
    }
    if (this.#elements > gbnfLimits.elements) {
      this.#cursor.fail(`written out it has more than ${gbnfLimits.elements} elements`);
    }
  }

  #indexOf(name: string, position: number): number {
    const known = this.#indexes.get(name);
    if (known !== undefined) return known;
    const index = this.#addRule(name, position);
    this.#indexes.set(name, index);
    return index;
  }

  #addRule(name: string, position: number): number {
    if (this.#rules.length >= gbnfLimits.rules) {
      this.#cursor.fail(`written out it has more than ${gbnfLimits.rules} rules`);
    }
    return this.#rules.push({ name, position, alternatives: null }) - 1;
  }

  #define(index: number, alternatives: readonly GbnfSequence[]): void {
    const rule = this.#rules[index];
    if (rule !== undefined) rule.alternatives = alternatives;
  }
}
