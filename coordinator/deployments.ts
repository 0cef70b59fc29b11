// What should run, with what it will need.
import { type DeploymentRecord, type DeploymentSpec, defaultDeployment } from "@pomona/shared/core/deployment";
import { toPomonaError } from "@pomona/shared/core/errors";
import { failureOf } from "@pomona/shared/core/generation";
import { contextLengthFor, estimateReplicaMemory, type ModelShape } from "@pomona/shared/core/model-memory";
import { adapterBytes, readModelShape } from "@pomona/shared/runtime/model-source";
import type { ModelOption } from "./config.ts";
import type { Deployment } from "./core/state.ts";

/** A deployment of the options. */
export function specOfOption({ name: model, ...option }: ModelOption): DeploymentSpec {
  return { ...defaultDeployment, model, ...option };
}

/** Reads the header of a model's file. A file that cannot be used becomes a deployment that says why. */
export async function readDeployment(
  { spec, createdAtMs }: DeploymentRecord,
  signal: AbortSignal,
): Promise<Deployment> {
  const { model, source, slots, engine } = spec;
  const base = { model, source, slots, engine, createdAtMs };
  try {
    const shape = await readModelShape(source, signal);
    // Adapters stand on the nodes, which count them again; here they may be missing.
    const adapters = await adapterBytes(engine.loras).catch(() => 0);
    return { ...base, ...needsOf(shape, spec, adapters), failure: null };
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
  spec: DeploymentSpec,
  adapters: number,
): Pick<Deployment, "contextLength" | "memory"> {
  const contextLength = contextLengthFor(shape, spec.contextLength);
  // Counted as for a CPU, which needs the most; the node estimates again for its own hardware.
  const memory = estimateReplicaMemory(shape, {
    contextLength,
    slots: spec.slots,
    engine: spec.engine,
    gpu: "cpu",
    adapterBytes: adapters,
  });
  return { contextLength, memory };
}
