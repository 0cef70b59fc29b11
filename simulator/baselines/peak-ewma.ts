import { type Baseline, lowest } from "./baseline.ts";

/** Memory of the average: 10 s in Finagle, whose calls take milliseconds; ours take a minute. */
const decayMs = 600_000;

type Cost = { ms: number; atMs: number };

/** Average latency, which rises at once and falls slowly, times what is outstanding (Finagle, linkerd). */
export const peakEwma: Baseline = {
  name: "peak-ewma",
  binds: "arrival",
  start: (random) => {
    const costs = new Map<number, Cost>();
    return {
      choose: (_request, replicas) =>
        lowest(replicas, ({ index, running, queued }) => (costs.get(index)?.ms ?? 1) * (running + queued + 1), random),
      finished: ({ index }, { arrivedAtMs }, { ms }) => {
        const nowMs = arrivedAtMs + ms;
        const before = costs.get(index);
        if (before === undefined || ms > before.ms) {
          costs.set(index, { ms, atMs: nowMs });
          return;
        }
        const weight = Math.exp(-Math.max(0, nowMs - before.atMs) / decayMs);
        costs.set(index, { ms: before.ms * weight + ms * (1 - weight), atMs: nowMs });
      },
    };
  },
};
