// `pomona models`: what should run.
import type { ClusterClient } from "@pomona/proto/generated/pomona/v1/Cluster";
import type { DeploymentRecord__Output } from "@pomona/proto/generated/pomona/v1/DeploymentRecord";
import { pomona } from "@pomona/proto/load";
import type { DeploymentSpec, ReplicaCount } from "@pomona/shared/core/deployment";
import { PomonaError } from "@pomona/shared/core/errors";
import { deploymentToWire } from "@pomona/shared/grpc/wire-deployment";
import type { Command } from "commander";
import { askCluster, type ClusterFlags, callCluster, print, withClusterFlags } from "../ask-cluster.ts";
import { type DeploymentFlags, withDeploymentFlags, withFlags } from "../deployment-flags.ts";
import { findDeployment, listDeployments, meant } from "../deployments.ts";
import { type ListedModel, listModels, modelsTable, replicasText } from "../render-models.ts";
import { addPlanCommand } from "./plan.ts";
import { addPullCommand } from "./pull.ts";

export function addModelsCommands(program: Command): void {
  const models = program.command("models").description("the models of the pool");
  withClusterFlags(models.command("ls", { isDefault: true }).description("list them"))
    .addHelpText("after", "\nExample:\n  pomona models ls")
    .action((flags: ClusterFlags) =>
      askCluster(flags, async (client) => print(flags, await list(client), modelsTable)),
    );
  withClusterFlags(withDeploymentFlags(models.command("add <spec>").description("add a model, or change one")))
    .addHelpText("after", "\nExample:\n  pomona models add qwen=hf:Qwen/Qwen2.5-7B-Instruct-GGUF:Q4_K_M --min 2 --pin")
    .action((spec: string, flags: ClusterFlags & DeploymentFlags) => add(spec, flags));
  withClusterFlags(models.command("rm <model>").description("take a model out of the pool"))
    .addHelpText("after", "\nExample:\n  pomona models rm qwen")
    .action((model: string, flags: ClusterFlags) => remove(model, flags));
  addPullCommand(models);
  addEdits(models);
  addPlanCommand(models);
}

function addEdits(models: Command): void {
  const pins: readonly (readonly [string, string, boolean])[] = [
    ["pin", "never evict a model", true],
    ["unpin", "let a model be evicted where another one needs its place more", false],
  ];
  for (const [name, description, isPinned] of pins) {
    withClusterFlags(models.command(`${name} <model>`).description(description))
      .addHelpText("after", `\nExample:\n  pomona models ${name} qwen`)
      .action((model: string, flags: ClusterFlags) => edit(flags, model, (spec) => ({ ...spec, isPinned })));
  }
  withClusterFlags(models.command("scale <model> <replicas>").description("how many replicas: MIN, MIN..MAX or MIN.."))
    .addHelpText("after", "\nExample:\n  pomona models scale qwen 1..3")
    .action((model: string, text: string, flags: ClusterFlags) =>
      edit(flags, model, (spec) => ({ ...spec, replicas: scaled(spec.replicas, text) })),
    );
}

async function list(client: ClusterClient): Promise<ListedModel[]> {
  const { models } = await callCluster(client, pomona.Cluster.service.GetStatus, {});
  return listModels(models, (await callCluster(client, pomona.Cluster.service.ListDeployments, {})).deployments);
}

async function add(text: string, flags: ClusterFlags & DeploymentFlags): Promise<void> {
  await askCluster(flags, async (client) => {
    const { spec, revision } = meant(await listDeployments(client), text);
    const record = await put(client, withFlags(spec, flags), revision);
    print(flags, record, (kept) => `${revision === 0 ? "added" : "changed"} ${describe(kept)}`);
  });
}

async function remove(model: string, flags: ClusterFlags): Promise<void> {
  await askCluster(flags, async (client) => {
    await callCluster(client, pomona.Cluster.service.RemoveDeployment, { model });
    print(flags, { removed: model }, () => `removed ${model}`);
  });
}

/** Edits from the revision that was read: whoever is slower is told. */
async function edit(
  flags: ClusterFlags,
  model: string,
  change: (spec: DeploymentSpec) => DeploymentSpec,
): Promise<void> {
  await askCluster(flags, async (client) => {
    const { spec, revision } = findDeployment(await listDeployments(client), model);
    print(flags, await put(client, change(spec), revision), (kept) => `changed ${describe(kept)}`);
  });
}

async function put(client: ClusterClient, spec: DeploymentSpec, revision: number): Promise<DeploymentRecord__Output> {
  const request = { deployment: deploymentToWire(spec), expectedRevision: revision };
  const { record } = await callCluster(client, pomona.Cluster.service.PutDeployment, request);
  if (record === null) throw new PomonaError("internal", "the coordinator answered without a record");
  return record;
}

/** MIN leaves the most as it is, unless that is less; `MIN..` is one on every node where it fits. */
export function scaled({ max }: ReplicaCount, text: string): ReplicaCount {
  const match = /^(\d{1,4})(\.\.(\d{0,4}))?$/.exec(text);
  const min = Number(match?.[1]);
  const most = match?.[3];
  const wanted = { min, max: most === "" ? null : most === undefined ? max && Math.max(max, min) : Number(most) };
  if (match === null || (wanted.max !== null && wanted.max < Math.max(1, min))) {
    throw new PomonaError("invalid_request", `${JSON.stringify(text)} is no number of replicas: like 2, 1..3 or 2..`);
  }
  return wanted;
}

function describe({ deployment, revision }: DeploymentRecord__Output): string {
  if (deployment === null) return "nothing";
  const { model, source, isPinned } = deployment;
  return `${model}: ${replicasText(deployment)} replicas of ${source}${isPinned ? ", pinned" : ""} (revision ${revision})`;
}
