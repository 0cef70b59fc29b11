// Texts of people and tools inside a template's text: they are cut wherever they spell a special token, so that the
// template's own special tokens are read and theirs are not.
import type { LlamaModel } from "node-llama-cpp";
import { type CountLimits, TokenCount } from "./token-count.ts";

/** A noncharacter of Unicode: no text has a use for it. */
const cut = "\ufdd0";
const controlType = 3;

export class WrittenText {
  readonly #model: LlamaModel;
  readonly #special: RegExp | null;

  constructor(model: LlamaModel) {
    const { ggml } = model.fileInfo.metadata.tokenizer;
    this.#model = model;
    const special = ggml.tokens.filter((text, id) => ggml.token_type?.[id] === controlType && text.length > 1);
    this.#special = special.length === 0 ? null : new RegExp(special.map(escapeForRegExp).join("|"), "g");
  }

  /** What may stand in a text for {@link tokenize} without becoming a special token. */
  harmless(text: string): string {
    const clean = text.replaceAll(cut, "\ufffd");
    if (this.#special === null) return clean;
    return clean.replace(this.#special, (special) => special.slice(0, 1) + cut + special.slice(1));
  }

  /** Reads special tokens, and joins what is cut again. Adds none at the ends. */
  async tokenize(text: string, limits: CountLimits): Promise<TokenCount> {
    const count = new TokenCount(this.#model, limits);
    for (const part of text.split(cut)) await count.add(part, { readsSpecial: true });
    return count;
  }
}

function escapeForRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}
