// What a node-agent knows of its replicas. Only `step` changes it.
import type { GenerationFailure } from "@pomona/shared/core/generation";
import type { ReplicaId, RequestId } from "@pomona/shared/core/ids";
import type {
  MemoryPressure,
  OwnerState,
  ReplicaSpec,
  ReplicaState,
  ReplicaStatus,
} from "@pomona/shared/core/node-status";
import { heldBytes, mappedBytesOf, privateBytes, type ReplicaMemory } from "@pomona/shared/core/replica-memory";
import { type Budget, freeBytes, isShort, missingBytes } from "./memory-budget.ts";
import type { MemoryReading } from "./memory-reading.ts";

/**
 * A replica from the request to load it until it is unloaded. One whose engine died is `loading` again under the same
 * id; a failed one is kept to be told of.
 */
export type Replica = {
  readonly replicaId: ReplicaId;
  readonly spec: ReplicaSpec;
  readonly modelPath: string;
  state: ReplicaState;
  /** Tokens per slot. */
  readonly contextLength: number;
  /** Reserved from the first moment until the engine has gone, also while it waits to be started again. */
  readonly memory: ReplicaMemory;
  /** All of it as the formula has it, without what was learned of earlier errors. */
  readonly estimatedBytes: number;
  /** The most that the engine's process had in memory since it started; 0 while nobody has looked. */
  residentBytes: number;
  /** When the load under way was asked for, or is due after a death. */
  loadFromMs: number;
  /** When the engine last became ready; null before the first time. */
  readyAtMs: number | null;
  loadMs: number;
  pid: number | null;
  /** Why it failed, or why its engine died last: kept until it is ready again. */
  failure: GenerationFailure | null;
  /** Deaths of its engine in a row, see `restartLimits`. */
  deaths: number;
  /** SHA-256 of the model's file in hex, as it was when it was first loaded; empty until then. */
  digest: string;
  /** Epoch of each running attempt. */
  readonly running: Map<RequestId, number>;
};

export type AgentState = {
  /** As configured; see `budgetOf` for what of it there is now. */
  budgetBytes: number;
  /** Of it, what is left to models while the owner is active; 1 where they do not make way. */
  readonly activeShare: number;
  /** Processor cores of all engines together. */
  readonly threads: number;
  /** What the machine last said of its memory; null when it does not tell. */
  memory: { readonly reading: MemoryReading; readonly readAtMs: number } | null;
  pressure: MemoryPressure;
  owner: OwnerState;
  readonly replicas: Map<ReplicaId, Replica>;
};

export function emptyAgentState(budgetBytes: number, threads = 1, activeShare = 1): AgentState {
  const unread = { memory: null, pressure: "unknown", owner: "unknown" } as const;
  return { budgetBytes, activeShare, threads, ...unread, replicas: new Map() };
}

/** Replicas that hold memory: all but the failed. */
export function holders(state: AgentState): Replica[] {
  return [...state.replicas.values()].filter((replica) => replica.state !== "failed");
}

export function reservations(state: AgentState): { readonly model: string; readonly memory: ReplicaMemory }[] {
  return holders(state).map(({ spec, memory }) => ({ model: spec.model, memory }));
}

export function freeBudget(state: AgentState): number {
  const { configuredBytes, missingBytes: missing } = budgetOf(state);
  return freeBytes(configuredBytes - missing, reservations(state));
}

function makesWay({ owner, activeShare }: AgentState): boolean {
  return owner === "active" && activeShare < 1;
}

/** What models may use now, whatever others have of it. */
export function currentBudget(state: AgentState): number {
  return makesWay(state) ? Math.floor(state.budgetBytes * state.activeShare) : state.budgetBytes;
}

/** The budget, and what of it other programs of the machine have taken: all that is free while it is short of memory. */
export function budgetOf(state: AgentState): Budget {
  const { memory, pressure } = state;
  const configuredBytes = currentBudget(state);
  const budget = { configuredBytes, missingBytes: 0, pressure, makesWay: makesWay(state) };
  const held = holders(state);
  const reservedBytes = heldBytes(held.map((replica) => replica.memory));
  if (isShort(pressure)) return { ...budget, missingBytes: Math.max(0, configuredBytes - reservedBytes) };
  if (memory === null) return budget;
  const promised = { reservedBytes, unseenBytes: unseenBytes(held, memory) };
  return { ...budget, missingBytes: missingBytes(configuredBytes, promised, memory.reading) };
}

/**
 * All of replicas that load, or became ready after the reading, but for pages that others have mapped before; later,
 * mapped weights where they count as free.
 */
function unseenBytes(held: readonly Replica[], { reading, readAtMs }: NonNullable<AgentState["memory"]>): number {
  const isNew = ({ state, readyAtMs }: Replica): boolean => state === "loading" || (readyAtMs ?? readAtMs) > readAtMs;
  const memoriesOf = (replicas: readonly Replica[]): ReplicaMemory[] => replicas.map(({ memory }) => memory);
  const own = memoriesOf(held.filter(isNew)).reduce((sum, memory) => sum + privateBytes(memory), 0);
  const seen = reading.countsMappedFiles ? [] : memoriesOf(held.filter((replica) => !isNew(replica)));
  return own + mappedBytesOf(memoriesOf(held)) - mappedBytesOf(seen);
}

/**
 * Threads of a replica that starts: what its options ask for, else its share of the machine's cores among all replicas,
 * itself included. Running replicas keep what they started with until they are loaded again: an engine cannot change it.
 */
export function threadsFor(state: AgentState, { spec }: Pick<Replica, "spec">): number {
  return spec.engine.threads ?? Math.max(1, Math.floor(state.threads / Math.max(1, holders(state).length)));
}

/** @param isOrphaned whether nobody reads an attempt any more. */
export function replicaStatus(
  replica: Replica,
  isOrphaned: (requestId: RequestId, epoch: number) => boolean = () => false,
): ReplicaStatus {
  const { replicaId, spec, state, contextLength, memory, failure, loadMs, pid, digest } = replica;
  const running = [...replica.running].map(([requestId, epoch]) => {
    return { requestId, epoch, isOrphaned: isOrphaned(requestId, epoch) };
  });
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
    digest,
    // Only the engine knows.
    held: [],
    speed: null,
    revision: spec.revision,
  };
}
