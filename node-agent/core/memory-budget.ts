// How much of a machine models may use. Nothing loads that does not fit with all its slots at full context.
import type { GenerationFailure } from "@pomona/shared/core/generation";
import type { ModelName } from "@pomona/shared/core/ids";
import { type ReplicaMemory, totalBytes } from "@pomona/shared/core/replica-memory";

const reservedBytesMin = 6e9;
const reservedShare = 0.25;

/** The machine's memory less 6 GB or a quarter, whichever is more: what macOS and its apps need to stay alive. */
export function budgetFor(memoryBytes: number): number {
  return Math.max(0, Math.floor(memoryBytes - Math.max(reservedBytesMin, memoryBytes * reservedShare)));
}

export type Reservation = { readonly model: ModelName; readonly memory: ReplicaMemory };

export function freeBytes(budgetBytes: number, reservations: Iterable<Reservation>): number {
  let free = budgetBytes;
  for (const { memory } of reservations) free -= totalBytes(memory);
  return Math.max(0, free);
}

/** Null when the replica fits, else what is needed, what is free, and who holds the rest. */
export function refuseOvercommit(
  wanted: Reservation,
  budgetBytes: number,
  held: readonly Reservation[],
): GenerationFailure | null {
  const needed = totalBytes(wanted.memory);
  const free = freeBytes(budgetBytes, held);
  if (needed <= free) return null;
  const holders = held.map(({ model, memory }) => `${model} ${gigabytes(totalBytes(memory))}`).join(", ") || "nothing";
  const message =
    `${wanted.model} needs ${gigabytes(needed)} with all its slots at full context, ` +
    `${gigabytes(free)} of ${gigabytes(budgetBytes)} are free; held by: ${holders}`;
  return { code: "insufficient_memory", message, isRetryable: false };
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
