import type { Baseline } from "./baseline.ts";

/** One replica after the other. */
export const roundRobin: Baseline = {
  name: "round-robin",
  binds: "arrival",
  start: () => {
    let turn = 0;
    return {
      choose: (_request, replicas) => {
        turn += 1;
        return replicas[turn % replicas.length] ?? null;
      },
    };
  },
};
