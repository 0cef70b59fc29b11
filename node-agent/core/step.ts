// The node-agent's one transition function: replicas come, serve, fail and go. It changes the state in place.
import type { GenerationFailure } from "@pomona/shared/core/generation";
import type { ReplicaId, RequestId } from "@pomona/shared/core/ids";
import type { ReplicaSpec } from "@pomona/shared/core/node-status";
import type { ReplicaMemory } from "@pomona/shared/core/replica-memory";
import { refuseOvercommit } from "./memory-budget.ts";
import { type AgentState, type Replica, reservations } from "./state.ts";

/** All that can happen to a node-agent. */
export type AgentEvent =
  | {
      readonly kind: "loadRequested";
      readonly replicaId: ReplicaId;
      readonly spec: ReplicaSpec;
      readonly modelPath: string;
      readonly contextLength: number;
      readonly memory: ReplicaMemory;
    }
  | { readonly kind: "engineReady"; readonly replicaId: ReplicaId; readonly pid: number | null }
  | { readonly kind: "engineFailed"; readonly replicaId: ReplicaId; readonly failure: GenerationFailure }
  | { readonly kind: "unloadRequested"; readonly replicaId: ReplicaId }
  | { readonly kind: "engineStopped"; readonly replicaId: ReplicaId }
  | {
      readonly kind: "attemptStarted";
      readonly replicaId: ReplicaId;
      readonly requestId: RequestId;
      readonly epoch: number;
    }
  | {
      readonly kind: "attemptEnded";
      readonly replicaId: ReplicaId;
      readonly requestId: RequestId;
      readonly epoch: number;
    };

/** What the loop has to do after a step. */
export type AgentEffect =
  | {
      readonly kind: "startEngine";
      readonly replicaId: ReplicaId;
      readonly spec: ReplicaSpec;
      readonly modelPath: string;
      readonly contextLength: number;
      readonly memory: ReplicaMemory;
    }
  | { readonly kind: "stopEngine"; readonly replicaId: ReplicaId }
  /** Answers everyone who waits for this load; null means ready. */
  | { readonly kind: "settleLoad"; readonly replicaId: ReplicaId; readonly failure: GenerationFailure | null };

/** Failed replicas that are kept to be told of; the oldest leave first. */
const failedMax = 16;

/** @param nowMs monotonic milliseconds. */
export function stepAgent(state: AgentState, event: AgentEvent, nowMs: number): AgentEffect[] {
  switch (event.kind) {
    case "loadRequested":
      return requestLoad(state, event, nowMs);
    case "engineReady":
      return becomeReady(state, event, nowMs);
    case "engineFailed":
      return fail(state, event.replicaId, event.failure);
    case "unloadRequested":
      return unload(state, event.replicaId);
    case "engineStopped":
      if (state.replicas.get(event.replicaId)?.state === "unloading") state.replicas.delete(event.replicaId);
      return [];
    case "attemptStarted":
      state.replicas.get(event.replicaId)?.running.set(event.requestId, event.epoch);
      return [];
    case "attemptEnded": {
      const running = state.replicas.get(event.replicaId)?.running;
      if (running?.get(event.requestId) === event.epoch) running.delete(event.requestId);
      return [];
    }
  }
}

function requestLoad(state: AgentState, event: AgentEvent & { kind: "loadRequested" }, nowMs: number): AgentEffect[] {
  const { replicaId, spec, modelPath, contextLength, memory } = event;
  const known = state.replicas.get(replicaId);
  // The same load again joins the one that is under way.
  if (known?.state === "loading") return [];
  if (known !== undefined) return [{ kind: "settleLoad", replicaId, failure: known.failure }];
  const refusal = refuseOvercommit({ model: spec.model, memory }, state.budgetBytes, reservations(state));
  if (refusal !== null) return [{ kind: "settleLoad", replicaId, failure: refusal }];
  state.replicas.set(replicaId, {
    replicaId,
    spec,
    state: "loading",
    contextLength,
    memory,
    requestedAtMs: nowMs,
    loadMs: 0,
    pid: null,
    failure: null,
    running: new Map(),
  });
  return [{ kind: "startEngine", replicaId, spec, modelPath, contextLength, memory }];
}

function becomeReady(state: AgentState, event: AgentEvent & { kind: "engineReady" }, nowMs: number): AgentEffect[] {
  const replica = state.replicas.get(event.replicaId);
  if (replica?.state !== "loading") return [{ kind: "stopEngine", replicaId: event.replicaId }];
  replica.state = "ready";
  replica.pid = event.pid;
  replica.loadMs = nowMs - replica.requestedAtMs;
  return [{ kind: "settleLoad", replicaId: event.replicaId, failure: null }];
}

function fail(state: AgentState, replicaId: ReplicaId, failure: GenerationFailure): AgentEffect[] {
  const replica = state.replicas.get(replicaId);
  if (replica === undefined) return [];
  if (replica.state === "unloading") {
    state.replicas.delete(replicaId);
    return [];
  }
  const wasLoading = replica.state === "loading";
  replica.state = "failed";
  replica.failure = failure;
  replica.pid = null;
  replica.running.clear();
  forgetOldFailures(state, replica);
  return wasLoading ? [{ kind: "settleLoad", replicaId, failure }] : [];
}

/** Only the newest failure of each model is kept, and not too many. */
function forgetOldFailures(state: AgentState, newest: Replica): void {
  const failed = [...state.replicas.values()].filter((replica) => replica.state === "failed" && replica !== newest);
  for (const replica of failed) {
    if (replica.spec.model === newest.spec.model) state.replicas.delete(replica.replicaId);
  }
  const others = failed.filter((replica) => state.replicas.has(replica.replicaId));
  for (const replica of others.slice(0, Math.max(0, others.length + 1 - failedMax)))
    state.replicas.delete(replica.replicaId);
}

function unload(state: AgentState, replicaId: ReplicaId): AgentEffect[] {
  const replica = state.replicas.get(replicaId);
  if (replica === undefined || replica.state === "unloading") return [];
  if (replica.state === "failed") {
    state.replicas.delete(replicaId);
    return [];
  }
  const wasLoading = replica.state === "loading";
  replica.state = "unloading";
  const effects: AgentEffect[] = [{ kind: "stopEngine", replicaId }];
  if (!wasLoading) return effects;
  const failure = {
    code: "cancelled",
    message: "the replica was unloaded while it loaded",
    isRetryable: false,
  } as const;
  return [...effects, { kind: "settleLoad", replicaId, failure }];
}
