// Chooses the next token of one generation. All that decides is computed from token ids and logits, nothing is carried
// along in the engine, so that another node chooses the same.
import { PomonaError } from "@pomona/shared/core/errors";
import type { Decoding, LogitBias, TokenLogprobs } from "@pomona/shared/core/generation";
import { drawToken } from "../../core/draw.ts";
import { dryBiases } from "../../core/dry.ts";
import { typicalTokens } from "../../core/typical.ts";
import { LogprobReader } from "./logprob-reader.ts";
import type { Native, NativeGrammarState, NativeSampler, SamplerConfig } from "./native.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Most candidates that a draw chooses from: the rest of a vocabulary has no weight that a client would notice. */
const candidatesMax = 1024;

export type TokenSamplerParts = {
  readonly native: Native;
  readonly vocabulary: Vocabulary;
  readonly decoding: Decoding;
  /** Fresh, at its beginning; null without a grammar. */
  readonly grammar: NativeGrammarState | null;
};

/** `logprobs` is null where they were not asked for. */
export type ChosenToken = { readonly id: number; readonly logprobs: TokenLogprobs | null };

export class TokenSampler {
  readonly #parts: TokenSamplerParts;
  readonly #sampler: NativeSampler;
  readonly #base: SamplerConfig;
  #reader: LogprobReader | null = null;

  constructor(parts: TokenSamplerParts) {
    this.#parts = parts;
    this.#sampler = parts.native.createSampler();
    this.#base = baseConfig(parts.decoding);
  }

  /** Tells the grammar what earlier attempts emitted. @throws PomonaError `invalid_request` when it does not allow it. */
  replay(emitted: readonly number[]): void {
    const { native, grammar } = this.#parts;
    if (grammar === null) return;
    for (const [index, id] of emitted.entries()) {
      if (!native.canFollow(grammar, id))
        throw new PomonaError("invalid_request", `the grammar does not allow emitted token ${index}`);
      native.acceptToken(grammar, id);
    }
  }

  /**
   * @param logitIndex of the batch that was evaluated last.
   * @param prompt what the emitted tokens follow.
   * @throws PomonaError `invalid_request` when the grammar leaves no token.
   */
  async choose(logitIndex: number, prompt: readonly number[], emitted: readonly number[]): Promise<ChosenToken> {
    const { native, grammar, vocabulary, decoding } = this.#parts;
    const config = { ...this.#base, ...this.#penalties(prompt, emitted) };
    let id = await this.#draw(logitIndex, config, emitted.length);
    if (grammar !== null && (id === null || !native.canFollow(grammar, id))) {
      // Only now the whole vocabulary has to go through the grammar. The copy takes in what the engine would choose.
      const grammarEvaluationState = native.copyGrammarState(grammar);
      id = await this.#draw(logitIndex, { ...config, grammarEvaluationState }, emitted.length).catch(() => null);
      if (id !== null && !native.canFollow(grammar, id)) id = null;
    }
    if (id === null) {
      const reason = `no token of this model can follow the ${emitted.length} generated`;
      throw new PomonaError("invalid_request", grammar === null ? reason : `${reason} by the grammar`);
    }
    if (grammar !== null && !vocabulary.isEnd(id)) native.acceptToken(grammar, id);
    const { topLogprobs } = decoding;
    if (topLogprobs === null) return { id, logprobs: null };
    this.#reader ??= new LogprobReader(this.#parts);
    return { id, logprobs: await this.#reader.read(logitIndex, id, topLogprobs) };
  }

  close(): void {
    this.#sampler.dispose();
    this.#reader?.close();
  }

  async #draw(logitIndex: number, config: SamplerConfig, position: number): Promise<number | null> {
    const { native, decoding } = this.#parts;
    const { temperature, typicalP, seed } = decoding.sampling;
    this.#sampler.applyConfig(config);
    if (temperature === 0) {
      const id = await native.context.sampleToken(logitIndex, this.#sampler);
      return id < 0 ? null : id;
    }
    const [, candidates] = await native.context.sampleToken(logitIndex, this.#sampler, true, false);
    const left = typicalP === 1 ? candidates : typicalTokens(candidates ?? [], decoding.sampling);
    return drawToken(left ?? [], seed, position);
  }

  #penalties(prompt: readonly number[], emitted: readonly number[]): SamplerConfig {
    const { sampling } = this.#parts.decoding;
    const { repeatPenalty, presencePenalty, frequencyPenalty, penaltyLastTokens, dry, logitBias } = sampling;
    const isPenalized = repeatPenalty !== 1 || presencePenalty !== 0 || frequencyPenalty !== 0;
    const window = isPenalized
      ? {
          repeatPenalty,
          repeatPenaltyMaxTokens: penaltyLastTokens,
          repeatPenaltyTokens: Uint32Array.from(emitted.slice(-penaltyLastTokens)),
          repeatPenaltyPresencePenalty: presencePenalty,
          repeatPenaltyFrequencyPenalty: frequencyPenalty,
        }
      : {};
    if (dry === null) return { ...window, ...biasConfig(logitBias) };
    const text = [...prompt.slice(-dry.lastTokens), ...emitted];
    const biases = dryBiases(text, dry, (id) => this.#parts.vocabulary.isSequenceBreaker(id));
    return { ...window, ...biasConfig([...logitBias, ...biases]) };
  }
}

function baseConfig({ sampling }: Decoding): SamplerConfig {
  const { temperature, topK, topP, minP, typicalP } = sampling;
  if (temperature === 0) return {};
  const first = topK === 0 ? candidatesMax : Math.min(topK, candidatesMax);
  // What is typical is told before the rest.
  if (typicalP < 1) return { temperature: 1, topK: first, seed: 0 };
  return {
    temperature,
    topK: first,
    ...(topP < 1 ? { topP } : {}),
    ...(minP > 0 ? { minP } : {}),
    // The engine wants a seed for a draw that is not used.
    seed: 0,
  };
}

function biasConfig(biases: readonly LogitBias[]): SamplerConfig {
  if (biases.length === 0) return {};
  const sums = new Map<number, number>();
  for (const { tokenId, bias } of biases) {
    // OpenAI: -100 bans a token, 100 leaves nothing else.
    const value = bias <= -100 ? Number.NEGATIVE_INFINITY : bias;
    sums.set(tokenId, (sums.get(tokenId) ?? 0) + value);
  }
  return { tokenBiasKeys: Uint32Array.from(sums.keys()), tokenBiasValues: Float32Array.from(sums.values()) };
}
