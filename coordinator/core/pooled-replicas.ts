// Which replica has a share of a request done first: inputs are evaluated one by one, between the steps of what runs there.
import type { ModelName, NodeId, ReplicaId } from "@pomona/shared/core/ids";
import { decodeStepSeconds, type SpeedProfile } from "@pomona/shared/core/speed-profile";
import { speedOf } from "./candidates.ts";
import { foreignAttempts } from "./foreign-attempts.ts";
import type { StepContext } from "./state.ts";
import { readyReplicas } from "./views.ts";

/** A ready replica, and what is on its way there. */
export type PooledReplica = {
  readonly nodeId: NodeId;
  readonly replicaId: ReplicaId;
  readonly speed: SpeedProfile;
  /** Generations that run there. */
  readonly streams: number;
  readonly contextTokens: number;
  /** Tokens of their prompts that are still to be evaluated. */
  readonly prefillLeft: number;
  /** Seconds for which it is asked nothing. */
  readonly avoidSeconds: number;
};

/** Inputs, and the tokens in all of them. */
export type PooledWork = { readonly inputs: number; readonly tokens: number };

/** Those that may be asked now. */
export function pooledReplicas(context: StepContext, model: ModelName): PooledReplica[] {
  const { state, nowMs } = context;
  return readyReplicas(state, model).map((ready) => {
    const { nodeId } = ready.member;
    const { replicaId } = ready.replica;
    let streams = foreignAttempts(state, ready);
    let contextTokens = 0;
    let prefillLeft = 0;
    for (const requestId of state.boundByReplica.get(replicaId) ?? []) {
      const record = state.requests.get(requestId);
      if (record?.place.kind !== "bound") continue;
      streams += 1;
      contextTokens += record.promptTokenIds.length + record.emittedTokenIds.length;
      prefillLeft += record.place.prefillLeft;
    }
    const avoidSeconds = Math.max(0, (state.avoidUntilMs.get(replicaId) ?? 0) - nowMs) / 1000;
    return { nodeId, replicaId, speed: speedOf(ready), streams, contextTokens, prefillLeft, avoidSeconds };
  });
}

/** Seconds until a replica has done what it was given, and this as well. */
export function secondsUntilDone(replica: PooledReplica, given: PooledWork, work: PooledWork): number {
  const { speed, streams, contextTokens, prefillLeft, avoidSeconds } = replica;
  const evaluated = (prefillLeft + given.tokens + work.tokens) / speed.prefillTokensPerSecond;
  const step = streams === 0 ? 0 : decodeStepSeconds(speed, streams, contextTokens);
  return avoidSeconds + evaluated + (given.inputs + work.inputs) * step;
}

/** Parts of a request in the order of its items, each small enough that others come in between. */
export function sharesOf<Item>(items: readonly Item[], tokensOf: (item: Item) => number): Share<Item>[] {
  const shares: Share<Item>[] = [];
  let open: Item[] = [];
  let tokens = 0;
  const close = (end: number): void => {
    if (open.length > 0) shares.push({ first: end - open.length, items: open, tokens });
    open = [];
    tokens = 0;
  };
  for (const [index, item] of items.entries()) {
    const size = tokensOf(item);
    if (open.length === shareInputsMax || tokens + size > shareTokensMax) close(index);
    open.push(item);
    tokens += size;
  }
  close(items.length);
  return shares;
}

/** `first` is the place of the first item in the request. */
export type Share<Item> = { readonly first: number; readonly items: readonly Item[]; readonly tokens: number };

const shareInputsMax = 32;
const shareTokensMax = 4096;
