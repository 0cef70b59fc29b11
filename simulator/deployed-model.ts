// Models of simulated pools: what is deployed, and what a node finds at its source.
import type { InspectionOutcome } from "@pomona/coordinator/core/model-sources";
import { type DeploymentRecord, type DeploymentSpec, defaultDeployment } from "@pomona/shared/core/deployment";
import type { NamedFile } from "@pomona/shared/core/model-files";
import { fixedSizing } from "@pomona/shared/core/model-sizing";
import type { ReplicaMemory } from "@pomona/shared/core/replica-memory";

export type DeployedModel = {
  readonly record: DeploymentRecord;
  readonly memory: ReplicaMemory;
  readonly contextLength: number;
};

type Figures = Pick<DeployedModel, "memory" | "contextLength">;

/** A model whose source is its name; one replica on every node where it fits, unless its specification says otherwise. */
export function deployedModel(
  spec: Partial<DeploymentSpec> & Pick<DeploymentSpec, "model">,
  figures: Figures,
): DeployedModel {
  const record = {
    spec: { ...defaultDeployment, source: spec.model, contextLength: figures.contextLength, ...spec },
    revision: 1,
    createdAtMs: 0,
    pinned: null,
  };
  return { record, ...figures };
}

/** Where the files of a model are: on the node that is asked, or somewhere else that they can be fetched from. */
export type FilePlace = { readonly files: readonly NamedFile[]; readonly isInPlace: boolean };

const inPlace: FilePlace = { files: [], isInPlace: true };

/** What a node finds; its own disk has the file unless something else is said. */
export function inspectionOf(
  { record, memory, contextLength }: DeployedModel,
  { files, isInPlace }: FilePlace = inPlace,
): InspectionOutcome {
  const sizing = fixedSizing(contextLength, memory);
  const { source } = record.spec;
  return { kind: "found", inspection: { files, isInPlace, pinnedSource: source, variants: [], sizing } };
}
