// What a node-agent knows of its replicas. Only `step` changes it.
import type { GenerationFailure } from "@pomona/shared/core/generation";
import type { ReplicaId, RequestId } from "@pomona/shared/core/ids";
import type { ReplicaSpec, ReplicaState, ReplicaStatus } from "@pomona/shared/core/node-status";
import type { ReplicaMemory } from "@pomona/shared/core/replica-memory";
import { freeBytes } from "./memory-budget.ts";

/** A replica from the request to load it until it is unloaded; a failed one is kept to be told of. */
export type Replica = {
  readonly replicaId: ReplicaId;
  readonly spec: ReplicaSpec;
  state: ReplicaState;
  /** Tokens per slot. */
  readonly contextLength: number;
  /** Reserved from the first moment until the engine has gone. */
  readonly memory: ReplicaMemory;
  readonly requestedAtMs: number;
  loadMs: number;
  pid: number | null;
  failure: GenerationFailure | null;
  /** Epoch of each running attempt. */
  readonly running: Map<RequestId, number>;
};

export type AgentState = {
  readonly budgetBytes: number;
  readonly replicas: Map<ReplicaId, Replica>;
};

export function emptyAgentState(budgetBytes: number): AgentState {
  return { budgetBytes, replicas: new Map() };
}

/** Replicas that hold memory: all but the failed. */
export function reservations(state: AgentState): { readonly model: string; readonly memory: ReplicaMemory }[] {
  return [...state.replicas.values()]
    .filter((replica) => replica.state !== "failed")
    .map(({ spec, memory }) => ({ model: spec.model, memory }));
}

export function freeBudget(state: AgentState): number {
  return freeBytes(state.budgetBytes, reservations(state));
}

export function replicaStatus(replica: Replica): ReplicaStatus {
  const { replicaId, spec, state, contextLength, memory, failure, loadMs, pid } = replica;
  const running = [...replica.running].map(([requestId, epoch]) => ({ requestId, epoch }));
  return {
    replicaId,
    model: spec.model,
    state,
    slots: spec.slots,
    running,
    contextLength,
    memory,
    failure,
    loadMs,
    pid,
    // Only the engine knows.
    held: [],
  };
}
