// How long a replica takes until it is ready.
import { expectedSpeed } from "@pomona/shared/core/chip-speeds";
import type { LoadingOutlook } from "@pomona/shared/core/errors";
import type { ModelName } from "@pomona/shared/core/ids";
import type { ReplicaMemory } from "@pomona/shared/core/replica-memory";
import type { ClusterState, Member } from "./state.ts";

/** A process starts, and some steps are measured. */
const startMs = 2000;
/** What a client is told while nothing is loading. */
const unknownMs = 2000;

/** From the speed at which the node has loaded before, else from what its disk promises. */
export function expectedLoadMs({ status }: Pick<Member, "status">, { weightsBytes }: ReplicaMemory): number {
  const measured = status.replicas.find(({ speed }) => speed !== null)?.speed?.loadBytesPerSecond;
  const { chip, gpu } = status.capacity;
  const promised = expectedSpeed({ chip, gpu, weightsBytes, kvBytesPerToken: 0 });
  return startMs + (1000 * weightsBytes) / Math.max(1, measured ?? promised.loadBytesPerSecond);
}

/** The nearest to being ready of all nodes that load it or fetch its files. */
export function loadingOutlook(state: ClusterState, model: ModelName, nowMs: number): LoadingOutlook {
  let best: LoadingOutlook = { state: "waiting", percent: 0, readyInMs: null };
  for (const { loading, pulling } of state.members.values()) {
    const under = loading?.model === model ? loading : pulling?.model === model ? pulling : null;
    if (under === null) continue;
    const readyInMs = Math.max(0, under.readyAtMs - nowMs);
    if (best.readyInMs !== null && best.readyInMs <= readyInMs) continue;
    const total = Math.max(1, under.readyAtMs - under.startedAtMs);
    const percent = Math.min(99, Math.floor((100 * (nowMs - under.startedAtMs)) / total));
    best = { state: under === loading ? "loading" : "fetching", percent, readyInMs };
  }
  return best;
}

/** When to ask again for a model that no replica has ready: when the first that is loading should be, at least a second. */
export function untilReadyMs(state: ClusterState, model: ModelName, nowMs: number): number {
  const { readyInMs } = loadingOutlook(state, model, nowMs);
  return readyInMs === null ? unknownMs : Math.max(1000, readyInMs);
}
