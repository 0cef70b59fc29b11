// Deployments as the commands read them and mean to change them.
import type { ClusterClient } from "@pomona/proto/generated/pomona/v1/Cluster";
import { pomona } from "@pomona/proto/load";
import { type DeploymentRecord, type DeploymentSpec, defaultDeployment } from "@pomona/shared/core/deployment";
import { PomonaError } from "@pomona/shared/core/errors";
import { deploymentRecordFromWire } from "@pomona/shared/grpc/wire-deployment";
import { callCluster } from "./ask-cluster.ts";
import { parseModelSpec } from "./model-spec.ts";

/** A deployment to put, and the revision that it is made from; 0 for a new one. */
export type MeantDeployment = { readonly spec: DeploymentSpec; readonly revision: number };

export async function listDeployments(client: ClusterClient): Promise<DeploymentRecord[]> {
  const { deployments } = await callCluster(client, pomona.Cluster.service.ListDeployments, {});
  return deployments.map(deploymentRecordFromWire);
}

/** @throws PomonaError `not_found` with those that there are. */
export function findDeployment(deployments: readonly DeploymentRecord[], model: string): DeploymentRecord {
  const found = deployments.find(({ spec }) => spec.model === model);
  if (found !== undefined) return found;
  const names = deployments.map(({ spec }) => spec.model).join(", ") || "none";
  throw new PomonaError("not_found", `no model ${JSON.stringify(model)} is deployed; there are: ${names}`);
}

/** The name of a model that is deployed, or a SPEC: of a new one, or of one that is to have another source. */
export function meant(deployments: readonly DeploymentRecord[], text: string): MeantDeployment {
  const named = deployments.find(({ spec }) => spec.model === text);
  if (named !== undefined) return named;
  const { name: model, source } = parseModelSpec(text);
  const known = deployments.find(({ spec }) => spec.model === model);
  if (known === undefined) return { spec: { ...defaultDeployment, model, source }, revision: 0 };
  const digest = source === known.spec.source ? known.spec.digest : null;
  return { spec: { ...known.spec, source, digest }, revision: known.revision };
}
