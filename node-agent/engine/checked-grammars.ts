import { checkGbnf, compiledGbnfBytesMax } from "@pomona/shared/core/grammar/gbnf/check-gbnf";
import { RecentValues } from "@pomona/shared/core/recent-values";

/** The size is that of the texts, in characters. */
const limits = { entries: 32, size: 4 * 1024 * 1024 } as const;

/** Which grammars may reach an engine. Clients send the same one with each request: what was found good is not read again. */
export class CheckedGrammars {
  readonly #good = new RecentValues<true>(limits);

  /** @throws PomonaError `invalid_request` for one that would end the engine's process, and with it the attempts of others. */
  check(text: string): void {
    if (this.#good.get(text) === true) return;
    checkGbnf(text, "grammar", compiledGbnfBytesMax);
    this.#good.set(text, true, text.length);
  }
}
