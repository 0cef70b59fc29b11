// Grammars that were used are kept: clients send the same schema with each request.
import { PomonaError } from "@pomona/shared/core/errors";
import { RecentValues } from "@pomona/shared/core/recent-values";
import type { Llama } from "node-llama-cpp";
import type { Native, NativeGrammarState } from "./native.ts";

/** The size is that of the texts, in characters; what the engine makes of one is 3 MB at most. */
const limits = { entries: 16, size: 4 * 1024 * 1024 } as const;

export class Grammars {
  readonly #llama: Llama;
  readonly #native: Native;
  /** Each at its beginning: the engine reads the text again for a new state, and only copies its rules for a copy. */
  readonly #kept = new RecentValues<NativeGrammarState>(limits);

  constructor(llama: Llama, native: Native) {
    this.#llama = llama;
    this.#native = native;
  }

  /** A grammar at its beginning. @throws PomonaError `invalid_request` when the engine cannot read it. */
  async begin(gbnf: string): Promise<NativeGrammarState> {
    const kept = this.#kept.get(gbnf);
    const state = kept ?? (await this.#read(gbnf));
    if (kept === undefined) this.#kept.set(gbnf, state, gbnf.length);
    return this.#native.copyGrammarState(state);
  }

  async #read(gbnf: string): Promise<NativeGrammarState> {
    try {
      return this.#native.createGrammarState(await this.#llama.createGrammar({ grammar: gbnf }));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new PomonaError("invalid_request", `the engine cannot read the grammar: ${reason}`, { field: "grammar" });
    }
  }
}
