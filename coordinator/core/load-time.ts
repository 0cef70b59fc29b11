// How long a replica takes until it is ready.
import { expectedSpeed } from "@pomona/shared/core/chip-speeds";
import type { LoadingOutlook } from "@pomona/shared/core/errors";
import type { ModelName } from "@pomona/shared/core/ids";
import { totalFileBytes } from "@pomona/shared/core/model-files";
import type { ReplicaMemory } from "@pomona/shared/core/replica-memory";
import { fetchSeconds, heldBytesOf } from "./fetching.ts";
import { namedFiles } from "./model-sources.ts";
import type { ClusterState, Member } from "./state.ts";

/** A process starts, and some steps are measured. */
const startMs = 2000;
/** The load of a smaller model says how long a process takes to start, and nothing of the disk. */
const tellingBytesMin = 1e9;
/** What a client is told while nothing is loading. */
const unknownMs = 2000;

/** From the speed at which the node has loaded its largest model, else from what its disk promises. */
export function expectedLoadMs({ status }: Pick<Member, "status">, { weightsBytes }: ReplicaMemory): number {
  let largest = tellingBytesMin;
  let measured: number | undefined;
  for (const { memory, speed } of status.replicas) {
    if (speed === null || memory.weightsBytes < largest) continue;
    largest = memory.weightsBytes;
    measured = speed.loadBytesPerSecond;
  }
  const { chip, gpu } = status.capacity;
  const promised = expectedSpeed({ chip, gpu, weightsBytes, kvBytesPerToken: 0 });
  return startMs + (1000 * weightsBytes) / Math.max(1, measured ?? promised.loadBytesPerSecond);
}

/** The nearest to being ready of all nodes that load it or fetch its files. */
export function loadingOutlook(state: ClusterState, model: ModelName, nowMs: number): LoadingOutlook {
  let best: LoadingOutlook = { state: "waiting", percent: 0, readyInMs: null };
  for (const member of state.members.values()) {
    const outlook = outlookOn(state, member, { model, nowMs });
    if (outlook === null || (best.readyInMs !== null && best.readyInMs <= (outlook.readyInMs ?? 0))) continue;
    best = outlook;
  }
  return best;
}

type Asked = { readonly model: ModelName; readonly nowMs: number };

function outlookOn(state: ClusterState, member: Member, { model, nowMs }: Asked): LoadingOutlook | null {
  const { loading, pulling } = member;
  if (loading?.model === model) {
    const readyInMs = Math.max(0, loading.readyAtMs - nowMs);
    return { state: "loading", percent: percentOf(nowMs - loading.startedAtMs, readyInMs), readyInMs };
  }
  const deployment = state.deployments.get(model);
  if (pulling?.model !== model || deployment === undefined) return null;
  const files = namedFiles(state, deployment) ?? [];
  const heldBytes = heldBytesOf(member, files);
  const missingBytes = totalFileBytes(files) - heldBytes;
  const memory = deployment.facts?.memory[member.status.capacity.gpu];
  const loadMs = memory === undefined ? startMs : expectedLoadMs(member, memory);
  const readyInMs = 1000 * fetchSeconds(state, missingBytes) + loadMs;
  return { state: "fetching", percent: percentOf(heldBytes, missingBytes), readyInMs };
}

/** Never 100 before it is done. */
function percentOf(done: number, left: number): number {
  return Math.min(99, Math.floor((100 * done) / Math.max(1, done + left)));
}

/** When to ask again for a model that no replica has ready: when the first that is loading should be, at least a second. */
export function untilReadyMs(state: ClusterState, model: ModelName, nowMs: number): number {
  const { readyInMs } = loadingOutlook(state, model, nowMs);
  return readyInMs === null ? unknownMs : Math.max(1000, readyInMs);
}
