// Token ids of blocks, so that equal blocks give equal tokens and the product's own hashes find them.
import { ownScope } from "@pomona/shared/core/generation";
import { prefixHashes } from "@pomona/shared/core/prefix-hash";
import { blockTokens } from "../engine/prefix.ts";

/** Distinguishes prompts beyond their last whole block: no two of them share those tokens. */
const tailOfRequest = 0x2000_0000;
const vocabulary = 0x1ffff;

/** The token ids of a prompt; what is behind its last whole block is the request's own. */
export function promptTokensOf(blocks: readonly number[], promptTokens: number, request: number): number[] {
  const ids: number[] = [];
  for (const block of blocks) writeBlock(ids, block, blockTokens);
  writeBlock(ids, tailOfRequest + request, promptTokens - ids.length);
  return ids;
}

function writeBlock(ids: number[], block: number, length: number): void {
  const base = Math.imul(block + 1, 0x9e3779b1);
  for (let offset = 0; offset < length; offset += 1) {
    ids.push((Math.imul(base ^ (offset * 0x85ebca6b), 0xc2b2ae35) >>> 13) & vocabulary);
  }
}

const known = new WeakMap<readonly number[], readonly number[]>();

/** The product's hashes of what a slot or the store holds. */
export function hashesOf(blocks: readonly number[]): readonly number[] {
  const before = known.get(blocks);
  if (before !== undefined) return before;
  const hashes = prefixHashes(promptTokensOf(blocks, blocks.length * blockTokens, 0), ownScope(""));
  known.set(blocks, hashes);
  return hashes;
}
