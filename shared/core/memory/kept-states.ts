// What a replica remembers of sequences beside its slots: a cache, which is worth a share of its memory and no more.
import type { ReplicaMemory } from "../replica-memory.ts";

/** Of weights and KV. Without it a replica with one slot would take its KV twice. */
const keptShare = 0.1;

/** A saved state has a header, and its token ids and positions beside the KV. */
const stateOverhead = 1.01;

/** Saved states of models that can forget the end of a sequence: as much as one slot holds, up to the share. */
export function savedStateBytes({ weightsBytes, kvBytes }: KeptBeside, slots: number): number {
  return Math.min(Math.ceil((stateOverhead * kvBytes) / slots), Math.floor(keptShare * (weightsBytes + kvBytes)));
}

type KeptBeside = Pick<ReplicaMemory, "weightsBytes" | "kvBytes">;

/** The engine keeps no more checkpoints of a slot, however small they are. */
const checkpointsMax = 8;

/**
 * Checkpoints of each slot of a model that cannot forget: one before the last token of each prompt, the oldest leaves
 * first. One there always is, for without it a prompt with another end would be evaluated from its beginning.
 */
export function checkpointCount(beside: KeptBeside, checkpointBytesOfAllSlots: number): number {
  if (checkpointBytesOfAllSlots === 0) return 0;
  const affordable = Math.floor((keptShare * (beside.weightsBytes + beside.kvBytes)) / checkpointBytesOfAllSlots);
  return Math.min(checkpointsMax, Math.max(1, affordable));
}
