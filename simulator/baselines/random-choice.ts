import type { Baseline } from "./baseline.ts";

/** Any replica, each as often as the others. */
export const randomChoice: Baseline = {
  name: "random",
  binds: "arrival",
  start: (random) => ({ choose: (_request, replicas) => random.pick(replicas) }),
};
