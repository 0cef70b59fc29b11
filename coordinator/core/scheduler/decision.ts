// Why a request went where it went, in numbers that a person can read.
import type { NodeId, ReplicaId } from "@pomona/shared/core/ids";
import type { Candidate, Cost } from "./candidate.ts";
import type { PrefixHit } from "./held-prefixes.ts";

/** What one replica would have cost; seconds. */
export type CandidateCost = Pick<Cost, "wait" | "prefill" | "decode" | "delay" | "score"> & {
  readonly nodeId: NodeId;
  readonly replicaId: ReplicaId;
  readonly hasIdleSlot: boolean;
  /** Prompt tokens that were expected to be reused, and from where. */
  readonly cachedTokens: number;
  readonly cachedIn: PrefixHit["place"] | null;
};

/** One binding of a request. */
export type Decision = {
  readonly replicaId: ReplicaId;
  /** Cheapest first, 16 at most, the chosen one among them. */
  readonly candidates: readonly CandidateCost[];
  /** From the binding to the first token, as predicted. */
  readonly firstTokenSeconds: number;
  readonly promptTokens: number;
  /** Tokens that the answer was expected to have. */
  readonly expectedTokens: number;
};

const candidatesMax = 16;

export type Considered = { readonly candidate: Candidate; readonly cost: Cost };

export function decisionOf(
  considered: readonly Considered[],
  chosen: Considered,
  size: { readonly promptTokens: number; readonly expectedTokens: number },
): Decision {
  const others = considered.filter((each) => each !== chosen);
  const cheapest = others.sort((a, b) => a.cost.score - b.cost.score).slice(0, candidatesMax - 1);
  const sorted = [chosen, ...cheapest].sort((a, b) => a.cost.score - b.cost.score);
  return {
    replicaId: chosen.candidate.replicaId,
    candidates: sorted.map(costOf),
    firstTokenSeconds: chosen.cost.prefill,
    ...size,
  };
}

function costOf({ candidate, cost }: Considered): CandidateCost {
  const { wait, prefill, decode, delay, score, hit } = cost;
  return {
    wait,
    prefill,
    decode,
    delay,
    score,
    nodeId: candidate.nodeId,
    replicaId: candidate.replicaId,
    hasIdleSlot: candidate.hasIdleSlot,
    cachedTokens: hit?.tokens ?? 0,
    cachedIn: hit?.place ?? null,
  };
}
