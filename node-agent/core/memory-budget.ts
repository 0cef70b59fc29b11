// How much of a machine models may use. Nothing loads that does not fit with all its slots at full context.
import type { GenerationFailure } from "@pomona/shared/core/generation";
import type { ModelName } from "@pomona/shared/core/ids";
import { addedBytes, heldBytes, type ReplicaMemory } from "@pomona/shared/core/replica-memory";
import type { MemoryReading } from "./memory-reading.ts";

const reservedBytesMin = 6e9;
const reservedShare = 0.25;

/** The machine's memory less 6 GB or a quarter, whichever is more: what macOS and its apps need to stay alive. */
export function budgetFor(memoryBytes: number): number {
  return Math.max(0, Math.floor(memoryBytes - Math.max(reservedBytesMin, memoryBytes * reservedShare)));
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

export type Budget = { readonly configuredBytes: number; readonly missingBytes: number };

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
  const others =
    budget.missingBytes === 0
      ? ""
      : `; other programs of this machine hold ${gigabytes(budget.missingBytes)} of it: end some, or wait`;
  const message =
    `${wanted.model} needs ${gigabytes(needed)} with all its slots at full context, ` +
    `${gigabytes(free)} of ${gigabytes(budget.configuredBytes)} are free; held by: ${holders}${others}`;
  return { code: "insufficient_memory", message, isRetryable: false };
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
