// How a model is asked for the text of a gap: which of its tokens stand around what comes before and after it, and in
// which order it was trained to read them.

/** Ids of tokens, as a model's file names them. */
export type InfillTokens = {
  readonly prefix: number;
  readonly suffix: number;
  /** null where the text of the gap follows what came last. */
  readonly middle: number | null;
  /** What comes after the gap is read first. */
  readonly isSuffixFirst: boolean;
  /** End the text of the gap, beside the model's own end-of-generation tokens. */
  readonly ends: readonly number[];
};

type Markers = {
  readonly prefix: string;
  readonly suffix: string;
  readonly middle: string | null;
  readonly isSuffixFirst: boolean;
};

const prefixFirst = (prefix: string, suffix: string, middle: string): Markers => ({
  prefix,
  suffix,
  middle,
  isSuffixFirst: false,
});

/**
 * Texts of the tokens, for files that do not name them otherwise. Source of most: llama.cpp, src/llama-vocab.cpp, which finds
 * tokens by these texts too; prefix, suffix, middle is its order (tools/server, format_prompt_infill).
 */
const families: readonly Markers[] = [
  // Qwen2.5-Coder, CodeGemma, Granite 4.
  prefixFirst("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
  // StarCoder, Granite 3, Stable Code, CodeQwen.
  prefixFirst("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
  // SantaCoder.
  prefixFirst("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),
  // DeepSeek-Coder.
  prefixFirst("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),
  // CodeLlama.
  prefixFirst("▁<PRE>", "▁<SUF>", "▁<MID>"),
  prefixFirst("<PRE>", "<SUF>", "<MID>"),
  // Falcon-H1-Tiny-Coder.
  prefixFirst("<|prefix|>", "<|suffix|>", "<|middle|>"),
  // GLM-4.5; CodeGeeX4, whose Infilling_guideline.md has this order.
  { prefix: "<|code_prefix|>", suffix: "<|code_suffix|>", middle: "<|code_middle|>", isSuffixFirst: true },
  // "Seed-Coder: Let the Code Model Curate Data for Itself", section on fill-in-the-middle.
  { prefix: "<[fim-prefix]>", suffix: "<[fim-suffix]>", middle: "<[fim-middle]>", isSuffixFirst: true },
];

/**
 * mistral-common, InstructTokenizerV2.encode_fim. All of Mistral's newer vocabularies have the tokens, and only Codestral was
 * trained with them.
 */
const codestral: Markers = { prefix: "[PREFIX]", suffix: "[SUFFIX]", middle: null, isSuffixFirst: true };

/**
 * What models write behind a gap that llama.cpp does not end at: another file (StarCoder 2, CodeGemma), or the end as CodeLlama
 * spells it. It ends at those that pad and at Qwen's `<|file_sep|>` by itself.
 */
const endTexts = ["<file_sep>", "<|file_separator|>", "▁<EOT>"];

/** The texts that {@link infillTokensOf} looks for in a vocabulary. */
export const infillTexts: ReadonlySet<string> = new Set([
  ...[...families, codestral].flatMap(({ prefix, suffix, middle }) => [
    prefix,
    suffix,
    ...(middle === null ? [] : [middle]),
  ]),
  ...endTexts,
]);

export type InfillFacts = {
  /** Of {@link infillTexts} those that are tokens, with their ids. */
  readonly places: ReadonlyMap<string, number>;
  /** A value of the header by the rest of its key, after `tokenizer.ggml.`. */
  readonly headerValue: (key: string) => unknown;
  readonly vocabularySize: number;
  /** `general.name`. */
  readonly name: string;
};

/** null for a model that was not made to fill gaps, as far as its file tells. */
export function infillTokensOf(facts: InfillFacts): InfillTokens | null {
  const { places } = facts;
  const known = /codestral/i.test(facts.name) ? [...families, codestral] : families;
  const family = known.find(({ prefix, suffix }) => places.has(prefix) && places.has(suffix));
  // As llama.cpp: what the header names goes before what is found by its text, and of its keys the older ones.
  const prefix = namedId(facts, ["prefix_token_id", "fim_pre_token_id"]) ?? placeOf(places, family?.prefix);
  const suffix = namedId(facts, ["suffix_token_id", "fim_suf_token_id"]) ?? placeOf(places, family?.suffix);
  const middle = namedId(facts, ["middle_token_id", "fim_mid_token_id"]) ?? placeOf(places, family?.middle);
  if (prefix === null || suffix === null) return null;
  // node-llama-cpp, LlamaCompletion.generateInfillCompletion: without a token for the middle the prefix comes last.
  const isSuffixFirst = middle === null || known.some((one) => one.isSuffixFirst && places.get(one.prefix) === prefix);
  const ends = [prefix, suffix, middle, ...endTexts.map((text) => placeOf(places, text))];
  return { prefix, suffix, middle, isSuffixFirst, ends: [...new Set(ends.filter((id) => id !== null))] };
}

function namedId({ headerValue, vocabularySize }: InfillFacts, keys: readonly string[]): number | null {
  for (const key of keys) {
    const value = headerValue(key);
    if (typeof value === "number" && value >= 0 && value < vocabularySize) return value;
  }
  return null;
}

function placeOf(places: ReadonlyMap<string, number>, text: string | null | undefined): number | null {
  return text == null ? null : (places.get(text) ?? null);
}

/** The prompt for a gap, without a token for its beginning. */
export function infillPrompt<Part>(
  { prefix, suffix, middle, isSuffixFirst }: InfillTokens,
  parts: { readonly prefix: Part; readonly suffix: Part },
): readonly (number | Part)[] {
  const before = [prefix, parts.prefix];
  const after = [suffix, parts.suffix];
  const around = isSuffixFirst ? [...after, ...before] : [...before, ...after];
  return middle === null ? around : [...around, middle];
}
