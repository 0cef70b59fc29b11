// What the options say should run, with what it will need.
import { toPomonaError } from "@pomona/shared/core/errors";
import { failureOf } from "@pomona/shared/core/generation";
import { contextLengthFor, estimateReplicaMemory, type ModelShape } from "@pomona/shared/core/model-memory";
import { adapterBytes, readModelShape } from "@pomona/shared/runtime/model-source";
import type { ModelOption } from "./config.ts";
import type { Deployment } from "./core/state.ts";

/** Reads the header of a model's file. A file that cannot be used becomes a deployment that says why. */
export async function readDeployment(
  option: ModelOption,
  createdAtMs: number,
  signal: AbortSignal,
): Promise<Deployment> {
  const { name: model, source, slots, engine } = option;
  const base = { model, source, slots, engine, createdAtMs };
  try {
    const shape = await readModelShape(option.source, signal);
    // Adapters stand on the nodes, which count them again; here they may be missing.
    const adapters = await adapterBytes(engine.loras).catch(() => 0);
    return { ...base, ...needsOf(shape, option, adapters), failure: null };
  } catch (thrown) {
    return { ...base, ...noNeeds, failure: failureOf(toPomonaError(thrown)) };
  }
}

const noNeeds = {
  contextLength: 0,
  memory: { weightsBytes: 0, kvBytes: 0, computeBytes: 0, processBytes: 0 },
} as const;

function needsOf(
  shape: ModelShape,
  option: ModelOption,
  adapters: number,
): Pick<Deployment, "contextLength" | "memory"> {
  const contextLength = contextLengthFor(shape, option.contextLength);
  // Counted as for a CPU, which needs the most; the node estimates again for its own hardware.
  const memory = estimateReplicaMemory(shape, {
    contextLength,
    slots: option.slots,
    engine: option.engine,
    gpu: "cpu",
    adapterBytes: adapters,
  });
  return { contextLength, memory };
}
