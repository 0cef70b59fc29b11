// The node-agent's one transition function: replicas come, serve, fail and go. It changes the state in place.
import type { GenerationFailure } from "@pomona/shared/core/generation";
import type { ReplicaId, RequestId } from "@pomona/shared/core/ids";
import type { MemoryPressure, OwnerState, ReplicaSpec } from "@pomona/shared/core/node-status";
import { type ReplicaMemory, totalBytes } from "@pomona/shared/core/replica-memory";
import { refuseOvercommit } from "./memory-budget.ts";
import type { MemoryReading } from "./memory-reading.ts";
import { countDeath, givenUp, restartDelayMs } from "./restart.ts";
import { type AgentState, budgetOf, type Replica, reservations, threadsFor } from "./state.ts";

/** All that can happen to a node-agent. */
export type AgentEvent =
  | {
      readonly kind: "loadRequested";
      readonly replicaId: ReplicaId;
      readonly spec: ReplicaSpec;
      readonly modelPath: string;
      readonly contextLength: number;
      readonly memory: ReplicaMemory;
      /** Without what was learned of earlier errors; the memory's sum by default. */
      readonly estimatedBytes?: number;
    }
  /** The file of a replica that loads was read. */
  | { readonly kind: "modelRead"; readonly replicaId: ReplicaId; readonly digest: string }
  | { readonly kind: "engineReady"; readonly replicaId: ReplicaId; readonly pid: number | null }
  | {
      readonly kind: "engineFailed";
      readonly replicaId: ReplicaId;
      readonly failure: GenerationFailure;
      /** Drawn by the caller, 0 to 1: moves the time of a restart. 0.5 when absent, which moves nothing. */
      readonly jitter?: number;
    }
  /** What the machine says of its memory; null when it does not tell. */
  | { readonly kind: "memoryRead"; readonly reading: MemoryReading | null }
  | { readonly kind: "pressureRead"; readonly pressure: MemoryPressure }
  | { readonly kind: "ownerRead"; readonly owner: OwnerState }
  /** The engine has told more of the machine than was known at the start. */
  | { readonly kind: "budgetKnown"; readonly budgetBytes: number }
  /** What the process of a replica's engine has in memory. */
  | { readonly kind: "residentRead"; readonly replicaId: ReplicaId; readonly bytes: number }
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
      readonly threads: number;
      /** How long to wait first. `stopEngine` ends the wait too. */
      readonly delayMs: number;
      /** The engine died with this file: it is to be read again, and its tensors checked. */
      readonly isSuspect: boolean;
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
      return fail(state, event, nowMs);
    case "modelRead": {
      const replica = state.replicas.get(event.replicaId);
      if (replica?.state === "loading") replica.digest = event.digest;
      return [];
    }
    case "memoryRead":
      state.memory = event.reading === null ? null : { reading: event.reading, readAtMs: nowMs };
      return [];
    case "pressureRead":
      state.pressure = event.pressure;
      return [];
    case "ownerRead":
      state.owner = event.owner;
      return [];
    case "budgetKnown":
      state.budgetBytes = event.budgetBytes;
      return [];
    case "residentRead": {
      const replica = state.replicas.get(event.replicaId);
      if (replica?.state === "ready") replica.residentBytes = Math.max(replica.residentBytes, event.bytes);
      return [];
    }
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
  const refusal = refuseOvercommit({ model: spec.model, memory }, budgetOf(state), reservations(state));
  if (refusal !== null) return [{ kind: "settleLoad", replicaId, failure: refusal }];
  const replica: Replica = {
    replicaId,
    spec,
    modelPath,
    state: "loading",
    contextLength,
    memory,
    estimatedBytes: event.estimatedBytes ?? totalBytes(memory),
    residentBytes: 0,
    loadFromMs: nowMs,
    readyAtMs: null,
    loadMs: 0,
    pid: null,
    failure: null,
    deaths: 0,
    digest: "",
    running: new Map(),
  };
  state.replicas.set(replicaId, replica);
  return [start(state, replica, 0)];
}

function start(state: AgentState, replica: Replica, delayMs: number): AgentEffect {
  const { replicaId, spec, modelPath, contextLength, memory, deaths } = replica;
  const threads = threadsFor(state, replica);
  const isSuspect = deaths > 0;
  return { kind: "startEngine", replicaId, spec, modelPath, contextLength, memory, threads, delayMs, isSuspect };
}

function becomeReady(state: AgentState, event: AgentEvent & { kind: "engineReady" }, nowMs: number): AgentEffect[] {
  const replica = state.replicas.get(event.replicaId);
  if (replica?.state !== "loading") return [{ kind: "stopEngine", replicaId: event.replicaId }];
  replica.state = "ready";
  replica.pid = event.pid;
  replica.residentBytes = 0;
  replica.readyAtMs = nowMs;
  replica.failure = null;
  replica.loadMs = nowMs - replica.loadFromMs;
  return [{ kind: "settleLoad", replicaId: event.replicaId, failure: null }];
}

function fail(state: AgentState, event: AgentEvent & { kind: "engineFailed" }, nowMs: number): AgentEffect[] {
  const { replicaId, failure } = event;
  const replica = state.replicas.get(replicaId);
  // An engine that nobody listens to any more tells nothing new of a replica that has failed already.
  if (replica === undefined || replica.state === "failed") return [];
  if (replica.state === "unloading") {
    state.replicas.delete(replicaId);
    return [];
  }
  const wasReady = replica.state === "ready";
  replica.pid = null;
  replica.running.clear();
  replica.failure = failure;
  // A first load that fails is for the coordinator to repeat, here or elsewhere.
  if (failure.isRetryable && (wasReady || replica.deaths > 0)) {
    replica.deaths = countDeath(replica.deaths, wasReady ? nowMs - (replica.readyAtMs ?? nowMs) : null);
    const delayMs = restartDelayMs(replica.deaths, event.jitter ?? 0.5);
    if (delayMs !== null) {
      replica.state = "loading";
      replica.loadFromMs = nowMs + delayMs;
      return [start(state, replica, delayMs)];
    }
    replica.failure = givenUp(replica.deaths, failure);
  }
  replica.state = "failed";
  forgetOldFailures(state, replica);
  return wasReady ? [] : [{ kind: "settleLoad", replicaId, failure: replica.failure }];
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
