import { type Baseline, lowest } from "./baseline.ts";

/** One queue; its head goes to the fastest machine that has a free slot. */
export const centralFastest: Baseline = {
  name: "central-fastest",
  binds: "slot",
  start: (random) => ({
    choose: (_request, replicas) => lowest(replicas, ({ profile }) => -profile.prefillTokensPerSecond, random),
  }),
};
