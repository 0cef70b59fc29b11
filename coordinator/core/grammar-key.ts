import type { AnswerGrammar } from "@pomona/shared/core/grammar/compile-answer";
import type { AnswerForm } from "@pomona/shared/core/output/answer-form";

/** What a grammar follows from. */
export type GrammarWish = { readonly answer: AnswerGrammar; readonly form: AnswerForm };

/** In characters and values, of all schemas together: what is larger is hardly sent twice. */
const keyLengthMax = 1024 * 1024;
/** JSON goes down by calls; no grammar is made of what is nested as deep. */
const levelsMax = 500;

/**
 * A text that only equal wishes share: all of it, since no short digest without secrets keeps a client from making two wishes
 * of one digest. Null for what is too large, and for what JSON would write as something else.
 */
export function grammarKey(wish: GrammarWish): string | null {
  let length = 0;
  let level: unknown[] = [wish];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > levelsMax) return null;
    const next: unknown[] = [];
    for (const value of level) {
      length += typeof value === "string" ? value.length : 1;
      // A body may say 1e999.
      if (length > keyLengthMax || (typeof value === "number" && !Number.isFinite(value))) return null;
      if (typeof value !== "object" || value === null) continue;
      for (const [name, item] of Object.entries(value)) {
        length += name.length;
        if (item !== undefined) next.push(item);
      }
    }
    level = next;
  }
  return JSON.stringify(wish);
}
