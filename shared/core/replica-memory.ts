/** Memory that one replica needs, in bytes, by part. */
export type ReplicaMemory = {
  /** With adapters, and with what a CPU rearranges of them. */
  readonly weightsBytes: number;
  /** KV of all slots at full context. */
  readonly kvBytes: number;
  readonly computeBytes: number;
  /** The engine worker itself. */
  readonly processBytes: number;
  /** Of the weights, pages of the model's file as they are on the disk; none when absent. */
  readonly mappedBytes?: number;
  /** Names that file among all of its machine; replicas with the same name have its pages in common. */
  readonly mappedFile?: string;
};

/** What a replica needs when nobody shares anything with it. */
export function totalBytes(memory: ReplicaMemory): number {
  return memory.weightsBytes + memory.kvBytes + memory.computeBytes + memory.processBytes;
}

/** Where replicas have been larger than estimated, what they took beside their parts counts as the process's. */
export function correctedMemory(memory: ReplicaMemory, correction: number): ReplicaMemory {
  const more = Math.ceil((correction - 1) * totalBytes(memory));
  return more <= 0 ? memory : { ...memory, processBytes: memory.processBytes + more };
}

/**
 * What replicas of one machine hold together: the system has a mapped page once, however many processes map it, as long
 * as one of them does. Replicas of one file may map different parts of it, so the largest part counts.
 */
export function heldBytes(memories: readonly ReplicaMemory[]): number {
  let bytes = 0;
  for (const memory of memories) bytes += privateBytes(memory);
  return bytes + mappedBytesOf(memories);
}

/** What one more replica adds to those that are held. Anyone who admits a replica asks this. */
export function addedBytes(wanted: ReplicaMemory, held: readonly ReplicaMemory[]): number {
  return heldBytes([...held, wanted]) - heldBytes(held);
}

/** What a replica shares with nobody. */
export function privateBytes(memory: ReplicaMemory): number {
  return memory.mappedFile === undefined ? totalBytes(memory) : totalBytes(memory) - mappedOf(memory);
}

/** The pages of files that replicas hold together, those of each file once. */
export function mappedBytesOf(memories: readonly ReplicaMemory[]): number {
  const byFile = new Map<string, number>();
  for (const memory of memories) {
    const { mappedFile } = memory;
    if (mappedFile !== undefined) byFile.set(mappedFile, Math.max(byFile.get(mappedFile) ?? 0, mappedOf(memory)));
  }
  return [...byFile.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** It comes over the wire too: never more than the weights that it is part of. */
function mappedOf({ mappedBytes = 0, weightsBytes }: ReplicaMemory): number {
  return Math.min(mappedBytes, weightsBytes);
}
