import type { DeploymentRecord__Output } from "@pomona/proto/generated/pomona/v1/DeploymentRecord";
import type { ModelSummary__Output } from "@pomona/proto/generated/pomona/v1/ModelSummary";
import { table } from "./render.ts";

/** A model as it is, and as it should be. */
export type ListedModel = ModelSummary__Output & { readonly deployment: DeploymentRecord__Output | null };

export function listModels(
  models: readonly ModelSummary__Output[],
  deployments: readonly DeploymentRecord__Output[],
): ListedModel[] {
  const byName = new Map(deployments.map((record) => [record.deployment?.model, record]));
  return models.map((model) => ({ ...model, deployment: byName.get(model.name) ?? null }));
}

const head = ["MODEL", "STATE", "REPLICAS", "CONTEXT", "SLOTS", "SOURCE", ""];

export function modelsTable(models: readonly ListedModel[]): string {
  if (models.length === 0) return "no models";
  return table([head, ...models.map(modelRow)]);
}

function modelRow({ name, state, readyReplicas, contextLength, reason, deployment: record }: ListedModel): string[] {
  const deployment = record?.deployment ?? null;
  return [
    deployment?.isPinned === true ? `${name} (pinned)` : name,
    state,
    `${readyReplicas}${deployment === null ? "" : ` of ${replicasText(deployment)}`}`,
    contextLength === 0 ? "" : String(contextLength),
    deployment === null ? "" : String(deployment.slots),
    record?.pinned?.source ?? deployment?.source ?? "",
    reason,
  ];
}

/** `2..4`, `1..`, `3`. */
export function replicasText({
  minReplicas = 1,
  maxReplicas,
}: {
  readonly minReplicas?: number;
  readonly maxReplicas: number;
}): string {
  if (maxReplicas === 0) return `${minReplicas}..`;
  return maxReplicas === minReplicas ? String(minReplicas) : `${minReplicas}..${maxReplicas}`;
}
