import { type Baseline, lowest } from "./baseline.ts";

/** One queue; its head goes to the replica with the fewest busy slots as soon as there is a free one (Paddler). */
export const centralLeastConnections: Baseline = {
  name: "central-lc",
  binds: "slot",
  start: (random) => ({ choose: (_request, replicas) => lowest(replicas, ({ running }) => running, random) }),
};
