import { type Baseline, lowest, type ReplicaView } from "./baseline.ts";

const pointsPerRequest = 6;
const queuePointsMax = 30;
const waitPointsMax = 25;
const bandwidthPoints = 25;
/** Before anything was measured. */
const unknownSeconds = 20;
const remembered = 200;

/**
 * ollama-herd's additive points for a model that is loaded everywhere: bandwidth and memory speak for a machine, its queue
 * and the estimated wait (p75 of its latencies) against it, each up to a cap (fleet-manager-routing-engine.md). Without
 * its rebalancer.
 */
export const ollamaHerd: Baseline = {
  name: "ollama-herd",
  binds: "arrival",
  start: (random) => {
    const latencies = new Map<number, number[]>();
    const points = (replica: ReplicaView, fastest: number): number => {
      const depth = replica.running + replica.queued;
      const waitSeconds = depth * upperQuartile(latencies.get(replica.index) ?? []);
      const queue = Math.min(queuePointsMax, depth * pointsPerRequest);
      const wait = Math.min(waitPointsMax, waitSeconds / 10);
      const bandwidth = (bandwidthPoints * replica.profile.memoryBytesPerSecond) / fastest;
      return memoryPoints(replica) + bandwidth - queue - wait;
    };
    return {
      choose: (_request, replicas) => {
        const fastest = Math.max(...replicas.map(({ profile }) => profile.memoryBytesPerSecond));
        return lowest(replicas, (replica) => -points(replica, fastest), random);
      },
      finished: ({ index }, _request, { ms }) => {
        const known = latencies.get(index) ?? [];
        latencies.set(index, [...known.slice(1 - remembered), ms / 1000]);
      },
    };
  },
};

/** How comfortably a model of 20 GB fits. */
function memoryPoints({ profile }: ReplicaView): number {
  const ratio = (0.72 * profile.memoryBytes) / 20e9;
  if (ratio > 2) return 20;
  if (ratio > 1.5) return 15;
  return ratio > 1.2 ? 8 : 3;
}

function upperQuartile(seconds: readonly number[]): number {
  const sorted = [...seconds].sort((a, b) => a - b);
  return sorted[Math.floor(0.75 * sorted.length)] ?? unknownSeconds;
}
