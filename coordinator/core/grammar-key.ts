import type { AnswerGrammar } from "@pomona/shared/core/grammar/compile-answer";
import type { AnswerForm } from "@pomona/shared/core/output/answer-form";

/** What a grammar follows from. */
export type GrammarWish = { readonly answer: AnswerGrammar; readonly form: AnswerForm };

/** In characters and values, of all schemas together: what is larger is hardly sent twice. */
const keyLengthMax = 1024 * 1024;

/**
 * A text that only equal wishes share: all of it, since no short digest without secrets keeps a client from making two wishes
 * of one digest. Null for what is too large, and for what JSON would write as something else.
 */
export function grammarKey(wish: GrammarWish): string | null {
  const open: unknown[] = [wish];
  let length = 0;
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    length += typeof value === "string" ? value.length : 1;
    // A body may say 1e999.
    if (length > keyLengthMax || (typeof value === "number" && !Number.isFinite(value))) return null;
    if (typeof value !== "object" || value === null) continue;
    for (const [name, item] of Object.entries(value)) {
      length += name.length;
      if (item !== undefined) open.push(item);
    }
  }
  return JSON.stringify(wish);
}
