import type { Baseline } from "./baseline.ts";

/** KubeAI's defaults: 256 places of each replica on the ring, 1.25 times the mean load. */
const placesPerReplica = 256;
const loadFactor = 1.25;
/** Blocks that are hashed: the first one is a system prompt that all conversations share. */
const hashedBlocks = 2;

/** Consistent hashing of the prompt's beginning with bounded loads (Mirrokni et al., 2018; KubeAI). */
export const chwbl: Baseline = {
  name: "chwbl",
  binds: "arrival",
  start: () => ({
    choose: ({ blocks }, replicas) => {
      const total = replicas.reduce((sum, { running, queued }) => sum + running + queued, 0);
      const bound = Math.ceil((loadFactor * (total + 1)) / replicas.length);
      const key = blocks.slice(0, hashedBlocks).reduce((hash, block) => mix(hash, block), 0);
      const ring = replicas
        .flatMap((replica) =>
          Array.from({ length: placesPerReplica }, (_, place) => ({ replica, at: mix(replica.index + 1, place) })),
        )
        .map(({ replica, at }) => ({ replica, distance: (at - key) >>> 0 }))
        .sort((a, b) => a.distance - b.distance);
      return ring.find(({ replica }) => replica.running + replica.queued + 1 <= bound)?.replica ?? null;
    },
  }),
};

function mix(hash: number, value: number): number {
  let mixed = Math.imul(hash ^ (value + 0x9e3779b9), 0x85ebca6b) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35) >>> 0;
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
