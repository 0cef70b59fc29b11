// How much of a machine models may use. Nothing loads that does not fit with all its slots at full context.
import type { GenerationFailure } from "@pomona/shared/core/generation";
import type { ModelName } from "@pomona/shared/core/ids";
import type { MemoryPressure } from "@pomona/shared/core/node-status";
import { addedBytes, heldBytes, type ReplicaMemory } from "@pomona/shared/core/replica-memory";
import type { MemoryReading } from "./memory-reading.ts";

const reservedBytesMin = 6e9;
const reservedShare = 0.25;

/** The machine's memory less 6 GB or a quarter, whichever is more: what macOS and its apps need to stay alive. */
export function budgetFor(memoryBytes: number): number {
  return Math.max(0, Math.floor(memoryBytes - Math.max(reservedBytesMin, memoryBytes * reservedShare)));
}

/** What a machine has. */
export type MachineMemory = {
  readonly memoryBytes: number;
  /** What Metal recommends to have in use at most; null where nobody tells. */
  readonly workingSetBytes: number | null;
};

/** What an operator has set. */
export type BudgetSettings = {
  /** null leaves it to the machine. */
  readonly budgetBytes: number | null;
  /** Kept for other things. */
  readonly reservedBytes: number;
};

/** What models may use: the setting, else the share of the memory and no more than the working set; less the reserve. */
export function nodeBudget({ memoryBytes, workingSetBytes }: MachineMemory, settings: BudgetSettings): number {
  const own = Math.min(budgetFor(memoryBytes), workingSetBytes ?? memoryBytes);
  return Math.max(0, Math.min(settings.budgetBytes ?? own, memoryBytes) - settings.reservedBytes);
}

const smallWorkingSetBelow = 36 * 2 ** 30;

/**
 * The working set that Metal recommends where nobody has asked Metal yet: two thirds of a smaller Mac's memory, three
 * quarters of a larger one's. Read off llama.cpp's logs, `recommendedMaxWorkingSetSize`: 10,922.67 MiB with 16 GB
 * (ise-uiuc/magicoder#19), 21,845.34 with 32 GB (llama.cpp#2011), 73,728.00 with 96 GB (llama.cpp#3213).
 */
export function usualWorkingSet(memoryBytes: number): number {
  return Math.floor(memoryBytes < smallWorkingSetBelow ? (memoryBytes * 2) / 3 : (memoryBytes * 3) / 4);
}

export type Reservation = { readonly model: ModelName; readonly memory: ReplicaMemory };

export function freeBytes(budgetBytes: number, reservations: readonly Reservation[]): number {
  return Math.max(0, budgetBytes - heldBytes(reservations.map(({ memory }) => memory)));
}

/** What is promised to replicas. */
export type Promised = {
  readonly reservedBytes: number;
  /** Part of it that the reading calls available although replicas have it or are about to take it. */
  readonly unseenBytes: number;
};

/**
 * Bytes of the budget that the machine cannot give now, because other programs have them: at most what no replica has
 * reserved, for running replicas stay. 0 while nothing is known.
 */
export function missingBytes(budgetBytes: number, promised: Promised, reading: MemoryReading | null): number {
  if (reading === null) return 0;
  const unreservedBytes = Math.max(0, budgetBytes - promised.reservedBytes);
  const availableBytes = Math.max(0, reading.availableBytes - promised.unseenBytes);
  return Math.max(0, unreservedBytes - availableBytes);
}

export type Budget = {
  /** While the owner uses the machine, the share that is left to models. */
  readonly configuredBytes: number;
  readonly missingBytes: number;
  /** `unknown` by default. */
  readonly pressure?: MemoryPressure;
  /** Whether the owner uses the machine, and models make way; not by default. */
  readonly makesWay?: boolean;
};

/** Nothing new loads while a system is short of memory: what a reading calls available may be others' swapped pages. */
export function isShort(pressure: MemoryPressure): boolean {
  return pressure === "warning" || pressure === "critical";
}

/** Null when the replica fits, else what is needed, what is free, and who holds the rest. */
export function refuseOvercommit(
  wanted: Reservation,
  budget: Budget,
  held: readonly Reservation[],
): GenerationFailure | null {
  const memories = held.map(({ memory }) => memory);
  const needed = addedBytes(wanted.memory, memories);
  const free = freeBytes(budget.configuredBytes - budget.missingBytes, held);
  if (needed <= free) return null;
  const partOf = ({ model, memory }: Reservation, index: number): string =>
    `${model} ${gigabytes(addedBytes(memory, memories.slice(0, index)))}`;
  const holders = held.map(partOf).join(", ") || "nothing";
  const message =
    `${wanted.model} needs ${gigabytes(needed)} with all its slots at full context, ` +
    `${gigabytes(free)} of ${gigabytes(budget.configuredBytes)} are free; held by: ${holders}${whyLess(budget)}`;
  return { code: "insufficient_memory", message, isRetryable: false };
}

function whyLess({ pressure = "unknown", missingBytes: missing, makesWay = false }: Budget): string {
  const owner = makesWay ? "; the owner uses this machine" : "";
  if (isShort(pressure)) return `; the system is short of memory (${pressure}): end some programs, or wait${owner}`;
  if (missing === 0) return owner;
  return `; other programs of this machine hold ${gigabytes(missing)} of it: end some, or wait${owner}`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
