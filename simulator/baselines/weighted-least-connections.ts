import { type Baseline, lowest } from "./baseline.ts";

/** Least connections, each replica weighted by how fast it decodes with all its slots busy. */
export const weightedLeastConnections: Baseline = {
  name: "weighted-least-connections",
  binds: "arrival",
  start: (random) => ({
    choose: (_request, replicas) =>
      lowest(
        replicas,
        ({ running, queued, profile }) => {
          const { slots, slotSlowdown, decodeTokensPerSecond } = profile;
          const speed = (slots * decodeTokensPerSecond) / (1 + slotSlowdown * (slots - 1));
          return (running + queued + 1) / speed;
        },
        random,
      ),
  }),
};
