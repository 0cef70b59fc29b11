// What the model itself makes of a token, before temperature and filters. Read from the untouched logits of a batch, the same
// way for tokens that are generated and for those of a prompt.
import type { TokenLogprobs } from "@pomona/shared/core/generation";
import type { Native, NativeSampler, SamplerConfig } from "./native.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** The order of so many is read; a token beyond them is lifted among them. */
const candidates = 64;
/** Added to the logit of such a token, until it is among the first. Each costs at most 4e-6, the last digit of a logit. */
const lifts = [32, 64, 128];

export type LogprobReaderParts = { readonly native: Native; readonly vocabulary: Vocabulary };

/** Reads one position after another; for several at once there have to be several. */
export class LogprobReader {
  readonly #parts: LogprobReaderParts;
  readonly #sampler: NativeSampler;

  constructor(parts: LogprobReaderParts) {
    this.#parts = parts;
    this.#sampler = parts.native.createSampler();
  }

  /**
   * @param logitIndex of the batch that was evaluated last.
   * @param topCount alternatives that are told; at most 64.
   */
  async read(logitIndex: number, id: number, topCount: number): Promise<TokenLogprobs> {
    // The share of the most likely token in all of the vocabulary, and then only the order of the first ones.
    const [, , share] = await this.#look(logitIndex, {}, false);
    const [, first = []] = await this.#look(logitIndex, firstOnes, true);
    const likeliest = { id: first[0] ?? 0, logprob: Math.log(share ?? 1) };
    const scale = likeliest.logprob - Math.log(first[1] ?? 1);
    const own = logprobIn(first, id, scale) ?? (await this.#lifted(logitIndex, id, likeliest));
    const top = Array.from({ length: Math.min(topCount, first.length / 2) }, (_, rank) => {
      const topId = first[2 * rank] ?? 0;
      const text = this.#parts.vocabulary.bytesOf(topId);
      return { id: topId, text, logprob: Math.log(first[2 * rank + 1] ?? 0) + scale };
    });
    return { logprob: own, top };
  }

  close(): void {
    this.#sampler.dispose();
  }

  /** To list all of a vocabulary for one unlikely token would cost more than to evaluate it. */
  async #lifted(logitIndex: number, id: number, likeliest: { readonly id: number; readonly logprob: number }) {
    for (const lift of lifts) {
      const bias = { tokenBiasKeys: Uint32Array.of(id), tokenBiasValues: Float32Array.of(lift) };
      const [, first = []] = await this.#look(logitIndex, { ...firstOnes, ...bias }, true);
      const [own, reference] = [logprobIn(first, id, -lift), logprobIn(first, likeliest.id, 0)];
      if (own !== null && reference !== null) return own - reference + likeliest.logprob;
    }
    return Number.NEGATIVE_INFINITY;
  }

  #look(logitIndex: number, config: SamplerConfig, withCandidates: boolean) {
    this.#sampler.applyConfig(config);
    return this.#parts.native.context.sampleToken(logitIndex, this.#sampler, withCandidates, true);
  }
}

/** The engine wants a seed for a draw that is not used. */
const firstOnes: SamplerConfig = { temperature: 1, topK: candidates, seed: 0 };

function logprobIn(list: readonly number[], id: number, scale: number): number | null {
  for (let i = 0; i < list.length; i += 2) if (list[i] === id) return Math.log(list[i + 1] ?? 0) + scale;
  return null;
}
