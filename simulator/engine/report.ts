// What a node tells the coordinator of an engine.
import type { HeldPrefix } from "@pomona/shared/core/node-status";
import type { SpeedProfile } from "@pomona/shared/core/speed-profile";
import { loadBytesPerSecond, restoreBytesPerSecond } from "./machine-profile.ts";
import { blockTokens } from "./prefix.ts";
import type { ReplicaEngine } from "./replica-engine.ts";

/** What a node that has run for a while has learned. */
export function speedOf({ profile, store }: ReplicaEngine): SpeedProfile {
  const { prefillTokensPerSecond, contextSlowdownTokens, decodeTokensPerSecond, slotSlowdown } = profile;
  return {
    prefillTokensPerSecond,
    contextSlowdownTokens,
    decodeTokensPerSecond,
    slotSlowdown,
    kvBytesPerToken: profile.kvBytesPerToken,
    memoryBytesPerSecond: profile.memoryBytesPerSecond,
    restoreBytesPerSecond: store === null ? 0 : restoreBytesPerSecond,
    loadBytesPerSecond: loadBytesPerSecond.ssd,
  };
}

/** What slots and saved states hold, in the product's words; `hashesOf` names the beginnings of blocks. */
export function heldBy(
  { slots, store }: ReplicaEngine,
  hashesOf: (blocks: readonly number[]) => readonly number[],
): HeldPrefix[] {
  const held: HeldPrefix[] = [];
  for (const { index, blocks, evaluatedBlocks } of slots) {
    const hashes = hashesOf(blocks);
    const isWhole = evaluatedBlocks === blocks.length;
    if (evaluatedBlocks > 0)
      held.push({
        place: "slot",
        slot: index,
        tokens: evaluatedBlocks * blockTokens,
        hashes: isWhole ? hashes : hashes.slice(0, evaluatedBlocks),
      });
  }
  for (const { blocks } of store?.entries ?? [])
    held.push({ place: "ram", slot: null, tokens: blocks.length * blockTokens, hashes: hashesOf(blocks) });
  return held;
}
