// Grammars that were used are kept: clients send the same schema with each request.
import { PomonaError } from "@pomona/shared/core/errors";
import type { Llama, LlamaGrammar } from "node-llama-cpp";
import type { Native, NativeGrammarState } from "./native.ts";

/** The least recently used leaves first. */
const keptMax = 32;

export class Grammars {
  readonly #llama: Llama;
  readonly #native: Native;
  readonly #kept = new Map<string, LlamaGrammar>();

  constructor(llama: Llama, native: Native) {
    this.#llama = llama;
    this.#native = native;
  }

  /** A grammar at its beginning. @throws PomonaError `invalid_request` when the engine cannot read it. */
  async begin(gbnf: string): Promise<NativeGrammarState> {
    const grammar = this.#kept.get(gbnf) ?? (await this.#read(gbnf));
    this.#kept.delete(gbnf);
    this.#kept.set(gbnf, grammar);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= keptMax) break;
      this.#kept.delete(oldest);
    }
    return this.#native.createGrammarState(grammar);
  }

  async #read(gbnf: string): Promise<LlamaGrammar> {
    try {
      return await this.#llama.createGrammar({ grammar: gbnf });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new PomonaError("invalid_request", `the engine cannot read the grammar: ${reason}`, { field: "grammar" });
    }
  }
}
