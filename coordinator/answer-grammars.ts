// Makes the grammars of answers, a bit at a time, and keeps those that were asked for last: an agent sends the same tools with
// every turn.

import { compileAnswerInSlices } from "@pomona/shared/core/grammar/compile-answer";
import type { TenantId } from "@pomona/shared/core/ids";
import type { AnswerForm } from "@pomona/shared/core/output/answer-form";
import { RecentValues } from "@pomona/shared/core/recent-values";
import { type GrammarWish, grammarKey } from "./core/grammar-key.ts";
import { type Assembly, planOutput } from "./core/output-plan.ts";
import { LoopTurns } from "./loop-turns.ts";

/** The size is that of wishes and grammars, in characters of at most two bytes. */
const limits = { entries: 500, size: 8 * 1024 * 1024 } as const;
/** A turn takes up to so much, and the step that it ends with. */
const turnMs = 10;

export type PlannedAnswer = {
  /** GBNF that the engine enforces. */
  readonly grammar: string | null;
  readonly assembly: Assembly;
};

export class AnswerGrammars {
  readonly #turns = new LoopTurns();
  /** Whoever's they are: a grammar follows from what was sent alone, and tells nothing of who sent it before. */
  readonly #kept = new RecentValues<string | null>(limits);
  readonly #making = new Map<string, Promise<string | null>>();
  readonly #compile: typeof compileAnswerInSlices;

  constructor(compile = compileAnswerInSlices) {
    this.#compile = compile;
  }

  /** `grammar` is null where anything goes. @throws PomonaError `invalid_request` as `planOutput` and `compileAnswer`. */
  async plan(request: Parameters<typeof planOutput>[0], form: AnswerForm, tenant: TenantId): Promise<PlannedAnswer> {
    const { wish, assembly } = planOutput(request, form);
    return { grammar: wish === null ? null : await this.#of(wish, tenant), assembly };
  }

  async #of(wish: GrammarWish, tenant: TenantId): Promise<string | null> {
    const key = grammarKey(wish);
    if (key === null) return await this.#make(wish, tenant);
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const making = this.#making.get(key) ?? this.#makeAndKeep(key, wish, tenant);
    return await making;
  }

  async #makeAndKeep(key: string, wish: GrammarWish, tenant: TenantId): Promise<string | null> {
    const making = this.#make(wish, tenant);
    this.#making.set(key, making);
    try {
      const grammar = await making;
      this.#kept.set(key, grammar, key.length + (grammar?.length ?? 0));
      return grammar;
    } finally {
      this.#making.delete(key);
    }
  }

  async #make({ answer, form }: GrammarWish, tenant: TenantId): Promise<string | null> {
    const slices = this.#compile(answer, form);
    for (;;) {
      await this.#turns.next(tenant);
      const untilMs = performance.now() + turnMs;
      do {
        const { done, value } = slices.next();
        if (done === true) return value;
      } while (performance.now() < untilMs);
    }
  }
}
