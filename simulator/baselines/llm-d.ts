import { contextLength } from "../engine/machine-profile.ts";
import { type Baseline, lowest, type ReplicaView, type VisibleRequest } from "./baseline.ts";

const prefixWeight = 2;
const queueWeight = 1;
const kvWeight = 1;

/** llm-d's weighted scorers: prefix 2, queue 1, KV utilisation 1 (epp-precise-prefix-cache-config.yaml). */
export const llmD: Baseline = {
  name: "llm-d",
  binds: "arrival",
  start: (random) => ({
    choose: (request, replicas) => {
      const queues = replicas.map(({ queued }) => queued);
      const shortest = Math.min(...queues);
      const longest = Math.max(...queues);
      const score = (replica: ReplicaView): number => {
        const queue = longest === shortest ? 1 : (longest - replica.queued) / (longest - shortest);
        return prefixWeight * matchedShare(request, replica) + queueWeight * queue + kvWeight * freeShare(replica);
      };
      return lowest(replicas, (replica) => -score(replica), random);
    },
  }),
};

function matchedShare({ blocks }: VisibleRequest, replica: ReplicaView): number {
  return blocks.length === 0 ? 0 : replica.matchedBlocks(blocks) / blocks.length;
}

function freeShare({ activeTokens, profile }: ReplicaView): number {
  return 1 - Math.min(1, activeTokens / (profile.slots * contextLength));
}
