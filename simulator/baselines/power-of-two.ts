import type { Baseline } from "./baseline.ts";

/** The less busy of two that are drawn (Mitzenmacher, 2001; the default of Ray Serve). */
export const powerOfTwo: Baseline = {
  name: "power-of-two",
  binds: "arrival",
  start: (random) => ({
    choose: (_request, replicas) => {
      const first = random.pick(replicas);
      const others = replicas.filter((replica) => replica !== first);
      if (others.length === 0) return first;
      const second = random.pick(others);
      return second.running + second.queued < first.running + first.queued ? second : first;
    },
  }),
};
