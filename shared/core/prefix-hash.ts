// Names of prompt beginnings, so that a node can tell what it holds without sending prompts around.

import type { CacheScope } from "./generation.ts";

/** Tokens of one block (scheduling study, 2.4). */
export const prefixBlockLength = 128;

/**
 * One number for each whole block of a sequence; it stands for all tokens up to the end of that block and for whose they
 * are. Equal numbers are a hint, not a proof: whoever reuses compares tokens.
 * @returns integers below 2^52, at most `blocksMax`.
 */
export function prefixHashes(
  tokenIds: readonly number[],
  { owner, sharedTokens }: CacheScope,
  blocksMax = 256,
): number[] {
  let low = 0x9e3779b9;
  let high = 0x85ebca6b;
  const take = (value: number): void => {
    low = mix(low ^ value);
    high = mix(high ^ low ^ Math.imul(value, 0xc2b2ae35));
  };
  // From the first block on that is not wholly shared, the numbers are the owner's.
  const ownFrom = Math.floor(sharedTokens / prefixBlockLength) * prefixBlockLength;
  const blocks = Math.min(blocksMax, Math.floor(tokenIds.length / prefixBlockLength));
  const hashes: number[] = [];
  for (let i = 0; i < blocks * prefixBlockLength; i += 1) {
    if (i === ownFrom) for (let at = 0; at < owner.length; at += 1) take(owner.charCodeAt(at));
    take(tokenIds[i] ?? 0);
    if ((i + 1) % prefixBlockLength === 0) hashes.push((high & 0xfffff) * 2 ** 32 + low);
  }
  return hashes;
}

/** MurmurHash3's finalizer (Appleby, 2011). */
function mix(value: number): number {
  let hash = value >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
