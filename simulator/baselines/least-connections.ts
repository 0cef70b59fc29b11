import { type Baseline, lowest } from "./baseline.ts";

/** Bound at arrival to the replica with the fewest running and queued requests; ties are drawn. */
export const leastConnections: Baseline = {
  name: "least-connections",
  binds: "arrival",
  start: (random) => ({
    choose: (_request, replicas) => lowest(replicas, ({ running, queued }) => running + queued, random),
  }),
};
