// The models of a fault run: some seeds have more than fit at once, some have files that lie on a few machines only.
import type { DeploymentSpec } from "@pomona/shared/core/deployment";
import type { NodeId } from "@pomona/shared/core/ids";
import type { NamedFile } from "@pomona/shared/core/model-files";
import type { ReplicaMemory } from "@pomona/shared/core/replica-memory";
import { deployedModel } from "./deployed-model.ts";
import type { KnownModel } from "./desired-state.ts";
import type { Machine } from "./machine.ts";
import type { Random } from "./random.ts";
import { brokenModel } from "./reference-model.ts";

/** Of the first machine: everything fits there unless the pool is crowded, and each model does with a pinned one beside it. */
export const largestBudgetBytes = 16e9;

const contextLength = 1024;

export type ModelMix = {
  /** More models than fit at once, some of which are loaded when they are asked for. */
  readonly isCrowded: boolean;
  /** Machines fetch the files of models. */
  readonly isScattered: boolean;
};

export function faultModels(random: Random, machines: readonly Machine[], mix: ModelMix): KnownModel[] {
  const { isCrowded, isScattered } = mix;
  const model = (name: string, gigabytes: number, spec: Partial<DeploymentSpec> = {}): KnownModel => {
    const isRemote = isScattered && random.chance(0.3);
    const files = isScattered ? [fileOf(random, gigabytes)] : [];
    const source = isRemote ? `hf:simulated/${name}` : name;
    const homes = new Set(isRemote ? [] : homesOf(random, machines));
    const memory = memoryOf(gigabytes);
    return { ...deployedModel({ model: name, source, slots: 3, ...spec }, { memory, contextLength }), files, homes };
  };
  const onDemand = (): Partial<DeploymentSpec> => ({
    replicas: { min: random.integer(0, 1), max: random.chance(0.7) ? null : 1 },
    keepAliveMs: random.pick([2000, 10_000, 1_800_000]),
    availability: random.integer(1, 2),
    priority: random.chance(0.2) ? 1 : 0,
  });
  const models = [model("big", 7), model("small", 2, { isPinned: isCrowded && random.chance(0.5) })];
  if (isCrowded) models.push(model("middle", 5, onDemand()), model("spare", 4, onDemand()));
  return [...models, model(brokenModel, 1)];
}

function memoryOf(gigabytes: number): ReplicaMemory {
  return { weightsBytes: gigabytes * 1e9, kvBytes: 5e8, computeBytes: 3e8, processBytes: 2e8 };
}

function fileOf(random: Random, gigabytes: number): NamedFile {
  return { name: "model.gguf", bytes: gigabytes * 1e9, digest: random.hexId() + random.hexId() };
}

/** One machine at least. */
function homesOf(random: Random, machines: readonly Machine[]): NodeId[] {
  const sure = random.pick(machines).nodeId;
  return machines.map(({ nodeId }) => nodeId).filter((nodeId) => nodeId === sure || random.chance(0.3));
}
