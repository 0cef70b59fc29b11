// The DRY penalty from token ids alone, so that it is the same on every node that goes on with a generation.
import type { DrySampling, LogitBias } from "@pomona/shared/core/generation";

/** llama.cpp bounds the exponent so that the penalty stays a finite number (common/sampling). */
const penaltyMax = 1e9;

/**
 * What each token loses that would lengthen a repetition at the end of `tokenIds`: multiplier x base^(n - allowedLength)
 * for a repetition of n tokens.
 * @param isBreaker a token over which no repetition is counted, such as a line break.
 */
export function dryBiases(
  tokenIds: readonly number[],
  dry: DrySampling,
  isBreaker: (tokenId: number) => boolean,
): LogitBias[] {
  const window = tokenIds.slice(-dry.lastTokens);
  const longest = new Map<number, number>();
  const matches = suffixMatches(window, isBreaker);
  // A repetition that ended at `end` was followed by window[end + 1]: that token would lengthen it.
  for (let end = 0; end < window.length - 1; end += 1) {
    const next = window[end + 1] ?? 0;
    const length = matches[end] ?? 0;
    if (length >= dry.allowedLength && length > (longest.get(next) ?? 0)) longest.set(next, length);
  }
  return [...longest].map(([tokenId, length]) => ({
    tokenId,
    bias: -Math.min(penaltyMax, dry.multiplier * dry.base ** (length - dry.allowedLength)),
  }));
}

/**
 * For each position, how many tokens that end there equal those at the very end: the Z-function of the reversed window
 * (Gusfield, Algorithms on Strings, 1997), cut at the first breaker from the end. Linear in the window.
 */
function suffixMatches(window: readonly number[], isBreaker: (tokenId: number) => boolean): number[] {
  const size = window.length;
  const reversed = [...window].reverse();
  const breaker = reversed.findIndex(isBreaker);
  const limit = breaker < 0 ? size : breaker;
  const lengths = new Array<number>(size).fill(0);
  let left = 0;
  let right = 0;
  for (let i = 1; i < size; i += 1) {
    let length = i < right ? Math.min(right - i, lengths[i - left] ?? 0) : 0;
    while (i + length < size && reversed[length] === reversed[i + length]) length += 1;
    lengths[i] = length;
    if (i + length > right) {
      left = i;
      right = i + length;
    }
  }
  return lengths.map((length) => Math.min(length, limit)).reverse();
}
