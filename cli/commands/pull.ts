// `pomona models pull`: the files of a model onto the nodes that shall have them, without loading it.
import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterClient } from "@pomona/proto/generated/pomona/v1/Cluster";
import { pomona } from "@pomona/proto/load";
import type { DeploymentRecord } from "@pomona/shared/core/deployment";
import { PomonaError } from "@pomona/shared/core/errors";
import { parseModelSource } from "@pomona/shared/core/model-source";
import { deploymentToWire } from "@pomona/shared/grpc/wire-deployment";
import type { Command } from "commander";
import { askCluster, type ClusterFlags, callCluster, print, withClusterFlags } from "../ask-cluster.ts";
import { type DeploymentFlags, withDeploymentFlags, withFlags } from "../deployment-flags.ts";
import { findDeployment, listDeployments, meant } from "../deployments.ts";
import { copiesOf, type ModelCopies } from "../model-copies.ts";
import { ProgressBar, stderrOutput } from "../progress.ts";

type PullFlags = ClusterFlags & DeploymentFlags;

const pollMs = 500;

export function addPullCommand(models: Command): void {
  const pull = models
    .command("pull <spec>")
    .description("bring a model's files onto nodes; one that is new is added with no replicas");
  withClusterFlags(withDeploymentFlags(pull))
    .addHelpText("after", "\nExample:\n  pomona models pull hf:Qwen/Qwen2.5-7B-Instruct-GGUF --availability 3")
    .action((spec: string, flags: PullFlags) =>
      askCluster(flags, async (client) => {
        const model = await ensureDeployed(client, spec, flags);
        const copies = await pulled(client, model);
        print(flags, { model, ...copies }, describe);
      }),
    );
}

/** Adds what is not there, with flags or the least that keeps its files; what is there only changes with flags. */
async function ensureDeployed(client: ClusterClient, text: string, flags: PullFlags): Promise<string> {
  const { spec, revision } = meant(await listDeployments(client), text);
  const found = revision === 0 ? { ...spec, replicas: { min: 0, max: spec.replicas.max } } : spec;
  const deployment = deploymentToWire(withFlags(found, flags));
  const request = { deployment, expectedRevision: revision };
  const isChanged = revision === 0 || JSON.stringify(deployment) !== JSON.stringify(deploymentToWire(spec));
  if (isChanged) await callCluster(client, pomona.Cluster.service.PutDeployment, request);
  return spec.model;
}

/** Waits until as many nodes have the files as shall have them. */
async function pulled(client: ClusterClient, model: string): Promise<ModelCopies> {
  const progress = new ProgressBar(model, stderrOutput());
  try {
    for (;;) {
      const record = findDeployment(await listDeployments(client), model);
      const status = await callCluster(client, pomona.Cluster.service.GetStatus, {});
      const copies = copiesOf(record, status.nodes);
      if (isUsedInPlace(record)) return copies;
      const summary = status.models.find(({ name }) => name === model);
      progress.update(copies, summary?.reason ?? "");
      if (copies.nodeIds.length >= copies.wantedNodes) return copies;
      const failure = copies.failure ?? (summary?.state === "failed" ? summary.reason : null);
      if (failure !== null) throw new PomonaError("transfer_failed", `${model} cannot be pulled: ${failure}`);
      await sleep(pollMs);
    }
  } finally {
    progress.end();
  }
}

/** Files on the nodes themselves are loaded where they lie. */
function isUsedInPlace({ spec }: DeploymentRecord): boolean {
  const kind = parseModelSource(spec.source)?.kind;
  return kind === "builtin" || kind === "path";
}

function describe({ model, nodeIds, wantedNodes }: ModelCopies & { readonly model: string }): string {
  if (nodeIds.length === 0) return `${model} is used where it lies: there is nothing to pull`;
  return `${model} is on ${nodeIds.length} of ${wantedNodes} nodes: ${nodeIds.join(", ")}`;
}
