/** Memory that one replica needs, in bytes, by part. */
export type ReplicaMemory = {
  readonly weightsBytes: number;
  /** KV of all slots at full context. */
  readonly kvBytes: number;
  readonly computeBytes: number;
  /** The engine worker itself. */
  readonly processBytes: number;
};

export function totalBytes(memory: ReplicaMemory): number {
  return memory.weightsBytes + memory.kvBytes + memory.computeBytes + memory.processBytes;
}
