// `pomona models plan`: where models are and would go, and what is lost with each node. Changes nothing.
import type { ClusterClient } from "@pomona/proto/generated/pomona/v1/Cluster";
import type { PlanPlacementRequest } from "@pomona/proto/generated/pomona/v1/PlanPlacementRequest";
import { pomona } from "@pomona/proto/load";
import { callUnary } from "@pomona/shared/grpc/client";
import { deploymentToWire } from "@pomona/shared/grpc/wire-deployment";
import type { Command } from "commander";
import { askCluster, type ClusterFlags, callCluster, print, withClusterFlags } from "../ask-cluster.ts";
import { type DeploymentFlags, withDeploymentFlags, withFlags } from "../deployment-flags.ts";
import { findDeployment, listDeployments, meant } from "../deployments.ts";
import { collect } from "../options.ts";
import { describePlan } from "../render-plan.ts";
import { nodeOf } from "./nodes.ts";

type PlanFlags = ClusterFlags &
  DeploymentFlags & { readonly lose: readonly string[]; readonly without: readonly string[] };

/** Headers of models that nobody has yet are read over a network. */
const planTimeoutMs = 60_000;

export function addPlanCommand(models: Command): void {
  const plan = models
    .command("plan [spec...]")
    .description("where models are and would go, what does not fit and why; nothing is changed")
    .option("--lose <node>", "as if this node had died; may be repeated", collect, [])
    .option("--without <model>", "as if this model had been removed; may be repeated", collect, []);
  withClusterFlags(withDeploymentFlags(plan))
    .addHelpText("after", "\nExample:\n  pomona models plan qwen=/models/qwen-32b.gguf --context 32768 --lose 4be1c8d0")
    .action((specs: readonly string[], flags: PlanFlags) =>
      askCluster(flags, async (client) => {
        const request = await planRequest(client, specs, flags);
        const signal = AbortSignal.timeout(planTimeoutMs);
        const call = { request, timeoutMs: planTimeoutMs, signal };
        print(flags, await callUnary(client, pomona.Cluster.service.PlanPlacement, call), describePlan);
      }),
    );
}

async function planRequest(
  client: ClusterClient,
  specs: readonly string[],
  flags: PlanFlags,
): Promise<PlanPlacementRequest> {
  const deployments = await listDeployments(client);
  const { nodes } = await callCluster(client, pomona.Cluster.service.ListNodes, {});
  return {
    deployments: specs.map((text) => deploymentToWire(withFlags(meant(deployments, text).spec, flags))),
    removedModels: flags.without.map((model) => findDeployment(deployments, model).spec.model),
    lostNodes: flags.lose.map((id) => nodeOf(nodes, id).nodeId),
  };
}
