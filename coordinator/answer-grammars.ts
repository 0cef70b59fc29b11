// Makes the grammars of answers, a bit at a time, and keeps those that were asked for last: an agent sends the same tools with
// every turn.

import { compileAnswerInSlices } from "@pomona/shared/core/grammar/compile-answer";
import type { TenantId } from "@pomona/shared/core/ids";
import type { AnswerForm } from "@pomona/shared/core/output/answer-form";
import { RecentValues } from "@pomona/shared/core/recent-values";
import type { Slices } from "@pomona/shared/core/slices";
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

/** For whom a grammar is made; the signal is aborted when the caller has gone. */
export type GrammarCaller = { readonly tenant: TenantId; readonly signal: AbortSignal };

export class AnswerGrammars {
  readonly #turns = new LoopTurns();
  /** Whoever's they are: a grammar follows from what was sent alone, and tells nothing of who sent it before. */
  readonly #kept = new RecentValues<string | null>(limits);
  readonly #making = new Map<string, GrammarInMaking>();
  readonly #compile: typeof compileAnswerInSlices;

  constructor(compile = compileAnswerInSlices) {
    this.#compile = compile;
  }

  /**
   * `grammar` is null where anything goes. @throws PomonaError `invalid_request` as `planOutput` and `compileAnswer`; the
   * signal's reason.
   */
  async plan(
    request: Parameters<typeof planOutput>[0],
    form: AnswerForm,
    caller: GrammarCaller,
  ): Promise<PlannedAnswer> {
    const { wish, assembly } = planOutput(request, form);
    return { grammar: wish === null ? null : await this.#of(wish, caller), assembly };
  }

  async #of(wish: GrammarWish, caller: GrammarCaller): Promise<string | null> {
    const key = grammarKey(wish);
    if (key === null) return await this.#newMaking(wish).wait(caller);
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const making = this.#making.get(key) ?? this.#newMaking(wish);
    this.#making.set(key, making);
    try {
      const grammar = await making.wait(caller);
      this.#kept.set(key, grammar, key.length + (grammar?.length ?? 0));
      return grammar;
    } finally {
      // Another one of this key may have begun since.
      if (making.isLeft && this.#making.get(key) === making) this.#making.delete(key);
    }
  }

  #newMaking({ answer, form }: GrammarWish): GrammarInMaking {
    return new GrammarInMaking(this.#compile(answer, form), this.#turns);
  }
}

/** Made in the turns of all who wait for it, so that nobody waits for what else another one has asked for. */
class GrammarInMaking {
  readonly #slices: Slices<string | null>;
  readonly #turns: LoopTurns;
  readonly #waiting = new Map<TenantId, number>();
  readonly #wakers = new Set<() => void>();
  #end: { readonly grammar: string | null } | { readonly error: unknown } | null = null;

  constructor(slices: Slices<string | null>, turns: LoopTurns) {
    this.#slices = slices;
    this.#turns = turns;
  }

  /** Nobody waits for it: it is not gone on with. */
  get isLeft(): boolean {
    return this.#waiting.size === 0;
  }

  /** @throws what the making throws; the signal's reason. */
  async wait({ tenant, signal }: GrammarCaller): Promise<string | null> {
    signal.throwIfAborted();
    const others = this.#waiting.get(tenant) ?? 0;
    this.#waiting.set(tenant, others + 1);
    if (others === 0) void this.#goOnFor(tenant);
    if (this.#end === null) await this.#ended(signal);
    const left = (this.#waiting.get(tenant) ?? 0) - 1;
    if (left > 0) this.#waiting.set(tenant, left);
    else this.#waiting.delete(tenant);
    if (this.#end === null) throw signal.reason;
    if ("error" in this.#end) throw this.#end.error;
    return this.#end.grammar;
  }

  /** Resolves also when the signal is aborted. */
  async #ended(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        signal.removeEventListener("abort", wake);
        this.#wakers.delete(wake);
        resolve();
      };
      signal.addEventListener("abort", wake, { once: true });
      this.#wakers.add(wake);
    });
  }

  async #goOnFor(tenant: TenantId): Promise<void> {
    for (;;) {
      await this.#turns.next(tenant);
      if (this.#end !== null || !this.#waiting.has(tenant)) return;
      this.#takeTurn();
      if (this.#end !== null) for (const wake of this.#wakers) wake();
    }
  }

  #takeTurn(): void {
    const untilMs = performance.now() + turnMs;
    try {
      do {
        const { done, value } = this.#slices.next();
        if (done === true) this.#end = { grammar: value };
      } while (this.#end === null && performance.now() < untilMs);
    } catch (error) {
      this.#end = { error };
    }
  }
}
