// Our sampling as node-llama-cpp's options.
import type { Sampling } from "@pomona/shared/core/generation";
import {
  type LlamaContextSequenceRepeatPenalty,
  type LlamaModel,
  type SequenceEvaluateOptions,
  type Token,
  TokenBias,
} from "node-llama-cpp";

/** Tokens that the penalties look back on: llama-server's default. */
const penaltyWindow = 64;

/**
 * The engine takes 32-bit seeds, and 0xFFFFFFFF means a random one. One seed for each (seed, position): a draw depends on
 * nothing else, so that a generation goes on exactly elsewhere. The mixer is MurmurHash3's finalizer (Appleby, 2011).
 */
export function seedAt(seed: number, position: number): number {
  const low = seed >>> 0;
  const high = Math.floor(seed / 2 ** 32) >>> 0;
  let hash = mix(low ^ mix(high ^ mix(position + 1)));
  if (hash === 0xffffffff) hash = 0;
  return hash;
}

function mix(value: number): number {
  let hash = value >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Whether every token has to be drawn with a seed of its own. */
export function isDrawn(sampling: Sampling): boolean {
  return sampling.temperature > 0;
}

/** Options that hold for a whole generation; `emitted` is read at each token. */
export function evaluateOptions(
  model: LlamaModel,
  sampling: Sampling,
  emitted: () => readonly number[],
): SequenceEvaluateOptions {
  return {
    temperature: sampling.temperature,
    topK: sampling.topK,
    topP: sampling.topP,
    minP: sampling.minP,
    repeatPenalty: repeatPenalty(sampling, emitted),
    ...tokenBias(model, sampling),
  };
}

function repeatPenalty(sampling: Sampling, emitted: () => readonly number[]): LlamaContextSequenceRepeatPenalty {
  const { repeatPenalty: penalty, presencePenalty, frequencyPenalty } = sampling;
  // An absent penalty is not the same as none: the library has a default of its own.
  if (penalty === 1 && presencePenalty === 0 && frequencyPenalty === 0) return { punishTokens: [], penalty: 1 };
  return {
    // Token ids of the model's own; the library brands them.
    punishTokens: () => emitted().slice(-penaltyWindow) as Token[],
    maxPunishTokens: penaltyWindow,
    penalty,
    presencePenalty,
    frequencyPenalty,
  };
}

function tokenBias(model: LlamaModel, { logitBias }: Sampling): Pick<SequenceEvaluateOptions, "tokenBias"> | object {
  if (logitBias.length === 0) return {};
  const bias = TokenBias.for(model);
  for (const { tokenId, bias: logit } of logitBias) bias.set(tokenId as Token, logit <= -100 ? "never" : { logit });
  return { tokenBias: bias };
}
