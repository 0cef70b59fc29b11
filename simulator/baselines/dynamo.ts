import { blockTokens } from "../engine/prefix.ts";
import { type Baseline, lowest } from "./baseline.ts";

/**
 * Dynamo's KV router at temperature 0: blocks to evaluate, the ones that are held already taken off, and blocks that are
 * decoded with (router-concepts.md). It counts blocks, not seconds.
 */
export const dynamo: Baseline = {
  name: "dynamo",
  binds: "arrival",
  start: (random) => ({
    choose: ({ blocks, promptTokens }, replicas) =>
      lowest(
        replicas,
        (replica) => {
          const matched = replica.matchedBlocks(blocks) * blockTokens;
          const prefill = replica.waitingPromptTokens + promptTokens - Math.min(matched, promptTokens);
          return (prefill + replica.activeTokens + promptTokens) / blockTokens;
        },
        random,
      ),
  }),
};
