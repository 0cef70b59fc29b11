// How long a replica takes until it is ready.
import { expectedSpeed } from "@pomona/shared/core/chip-speeds";
import type { ModelName } from "@pomona/shared/core/ids";
import type { ClusterState, Deployment, Member } from "./state.ts";

/** A process starts, and some steps are measured. */
const startMs = 2000;
/** What a client is told while nothing is loading. */
const unknownMs = 2000;

/** From the speed at which the node has loaded before, else from what its disk promises. */
export function expectedLoadMs({ status }: Member, { memory }: Pick<Deployment, "memory">): number {
  const measured = status.replicas.find(({ speed }) => speed !== null)?.speed?.loadBytesPerSecond;
  const { chip, gpu } = status.capacity;
  const promised = expectedSpeed({ chip, gpu, weightsBytes: memory.weightsBytes, kvBytesPerToken: 0 });
  return startMs + (1000 * memory.weightsBytes) / Math.max(1, measured ?? promised.loadBytesPerSecond);
}

/** When to ask again for a model that no replica has ready: when the first that is loading should be, at least a second. */
export function untilReadyMs(state: ClusterState, model: ModelName, nowMs: number): number {
  let least: number | null = null;
  for (const { loading } of state.members.values()) {
    if (loading?.model === model) least = Math.min(least ?? Number.POSITIVE_INFINITY, loading.readyAtMs - nowMs);
  }
  return least === null ? unknownMs : Math.max(1000, least);
}
