// Locally typical sampling: tokens are kept that are about as surprising as is expected (Meister et al., 2022,
// https://arxiv.org/abs/2202.00666).
import type { Sampling } from "@pomona/shared/core/generation";
import type { WeightedTokens } from "./draw.ts";

type Candidate = { readonly id: number; readonly share: number };

/**
 * What is left to draw from, with its weights. What else limits the draw comes after it, in llama.cpp's order: top-p, min-p, the
 * temperature.
 * @param tokens at the temperature 1, most likely first.
 */
export function typicalTokens(
  tokens: WeightedTokens,
  { typicalP, topP, minP, temperature }: Pick<Sampling, "typicalP" | "topP" | "minP" | "temperature">,
): number[] {
  const candidates = candidatesOf(tokens);
  const entropy = candidates.reduce((sum, { share }) => sum - share * Math.log(share), 0);
  const distance = ({ share }: Candidate): number => Math.abs(-Math.log(share) - entropy);
  // Of equals the one with the lowest id is first, so that every node draws from the same.
  const nearest = [...candidates].sort((a, b) => distance(a) - distance(b) || a.id - b.id);
  const typical = [...upTo(nearest, typicalP)].sort((a, b) => b.share - a.share || a.id - b.id);
  const total = totalOf(typical);
  const likely = upTo(typical, topP * total);
  const least = minP * (likely[0]?.share ?? 0);
  return likely
    .filter(({ share }) => share >= least)
    .flatMap(({ id, share }) => [id, (share / total) ** (1 / temperature)]);
}

function candidatesOf(tokens: WeightedTokens): readonly Candidate[] {
  const found: Candidate[] = [];
  for (let i = 0; i + 1 < tokens.length; i += 2) {
    const share = tokens[i + 1] ?? 0;
    if (share > 0) found.push({ id: tokens[i] ?? 0, share });
  }
  const total = totalOf(found);
  return found.map(({ id, share }) => ({ id, share: share / total }));
}

function totalOf(candidates: readonly Candidate[]): number {
  return candidates.reduce((sum, { share }) => sum + share, 0);
}

/** The first ones that have so much together, at least one. */
function upTo(candidates: readonly Candidate[], wanted: number): readonly Candidate[] {
  let sum = 0;
  return candidates.filter(({ share }, rank) => {
    const isWanted = rank === 0 || sum < wanted;
    sum += share;
    return isWanted;
  });
}
