// What a replica needs of this node, read off the model's file.
import { contextLengthFor, estimateReplicaMemory } from "@pomona/shared/core/model-memory";
import type { NodeCapacity, ReplicaSpec } from "@pomona/shared/core/node-status";
import { correctedMemory, type ReplicaMemory, totalBytes } from "@pomona/shared/core/replica-memory";
import { adapterBytes, fileIdentity, provideModelFile, readModelShape } from "@pomona/shared/runtime/model-source";

export type ModelNeeds = {
  readonly modelPath: string;
  /** Tokens per slot. */
  readonly contextLength: number;
  readonly memory: ReplicaMemory;
  /** All of it without a correction. */
  readonly estimatedBytes: number;
};

/** `memoryCorrection` is what was learned of earlier estimates here; 1 by default. */
type Place = Pick<NodeCapacity, "gpu"> &
  Partial<Pick<NodeCapacity, "memoryCorrection">> & { readonly modelsDirectory: string };

/** @throws PomonaError `not_found` when there is no such file or adapter, `invalid_model` when its header is that of no model. */
export async function readModelNeeds(spec: ReplicaSpec, place: Place, signal: AbortSignal): Promise<ModelNeeds> {
  const { source, slots, engine } = spec;
  const shape = await readModelShape(source, signal);
  const modelPath = provideModelFile(source, place.modelsDirectory);
  const contextLength = contextLengthFor(shape, spec.contextLength);
  const adapters = await adapterBytes(engine.loras);
  const memory = estimateReplicaMemory(shape, {
    contextLength,
    slots,
    engine,
    gpu: place.gpu,
    adapterBytes: adapters,
  });
  const mapped = memory.mappedBytes === 0 ? {} : { mappedFile: await fileIdentity(modelPath) };
  return {
    modelPath,
    contextLength,
    memory: { ...correctedMemory(memory, place.memoryCorrection ?? 1), ...mapped },
    estimatedBytes: totalBytes(memory),
  };
}
