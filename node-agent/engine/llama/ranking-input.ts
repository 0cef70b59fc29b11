// The tokens of a query and a document for a ranking model, laid out as llama.cpp's server does
// (tools/server/server-common.cpp, `format_prompt_rerank`): a score means something only for the layout that the model
// was trained with. The library's own puts the end token in front of a template's text, separates twice where a file
// asks for one separator, and takes the first space off texts of vocabularies that begin words with one.
import type { LlamaModel, Token } from "node-llama-cpp";
import { type CountLimits, countTokens } from "./token-count.ts";
import { WrittenText } from "./written-text.ts";

/** Vocabularies that separate two texts although their files may not say so (llama-vocab.cpp, `add_sep`). */
const separatingPreTokenizers: ReadonlySet<string> = new Set(["jina-v1-en", "jina-v2-code", "roberta-bpe"]);

export class RankingInput {
  readonly #model: LlamaModel;
  readonly #written: WrittenText;
  readonly #template: string | null;
  readonly #ends: Ends;

  constructor(model: LlamaModel) {
    this.#model = model;
    this.#written = new WrittenText(model);
    this.#template = model.fileInfo.metadata.tokenizer["chat_template.rerank"] ?? null;
    this.#ends = endsOf(model);
  }

  async tokensOf(query: string, document: string, limits: CountLimits): Promise<RankingTokens> {
    const { begin, end, separator } = this.#ends;
    if (this.#template === null) {
      const asked = await countTokens(this.#model, query, limits);
      const answered = await countTokens(this.#model, document, limits);
      const tokens = [...begin, ...asked.tokens, ...separator, ...answered.tokens, ...end];
      return { tokens, length: tokens.length + asked.leftOut + answered.leftOut };
    }
    const texts = { "{query}": query, "{document}": document };
    // In one go: a query may hold the word for the document.
    const text = this.#template.replace(/\{query\}|\{document\}/g, (place) =>
      this.#written.harmless(place === "{query}" ? texts["{query}"] : texts["{document}"]),
    );
    const { tokens, leftOut } = await this.#written.tokenize(text, limits);
    const whole = [...(tokens[0] === begin[0] ? [] : begin), ...tokens, ...(tokens.at(-1) === end[0] ? [] : end)];
    return { tokens: whole, length: whole.length + leftOut };
  }
}

/** The tokens, as far as they are kept, and how many there are. */
export type RankingTokens = { readonly tokens: readonly Token[]; readonly length: number };

/** Each is empty or a token; a separator may be two. */
type Ends = { readonly begin: readonly Token[]; readonly separator: readonly Token[]; readonly end: readonly Token[] };

function endsOf(model: LlamaModel): Ends {
  const { bos, eos, sep, shouldPrependBosToken, shouldAppendEosToken } = model.tokens;
  const { ggml } = model.fileInfo.metadata.tokenizer;
  const isWordPiece = ggml.model === "bert";
  const one = (token: Token | null): Token[] => (token === null ? [] : [token]);
  const begin = shouldPrependBosToken || isWordPiece ? one(bos) : [];
  const end = shouldAppendEosToken ? one(eos ?? sep) : [];
  // The library's types do not know this key.
  const asked = (ggml as Readonly<Record<string, unknown>>)["add_sep_token"];
  const separates = asked === undefined ? isWordPiece || separatingPreTokenizers.has(ggml.pre ?? "") : asked === true;
  const separator = [...end, ...(separates ? one(sep) : [])];
  // Old files of word pieces ask for no end, which all of these models have; and nothing must run a query into a document.
  const last = end.length === 0 && isWordPiece ? one(sep ?? eos) : end;
  return { begin, end: last, separator: separator.length > 0 ? separator : one(eos ?? sep) };
}
