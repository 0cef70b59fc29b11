// `pomona status`: the pool at a glance.
import type { GetStatusResponse__Output } from "@pomona/proto/generated/pomona/v1/GetStatusResponse";
import { pomona } from "@pomona/proto/load";
import type { Command } from "commander";
import { askCluster, type ClusterFlags, callCluster, print, withClusterFlags } from "../ask-cluster.ts";
import { listModels, modelsTable } from "../render-models.ts";
import { nodesTable } from "../render-nodes.ts";

export function addStatusCommand(program: Command): void {
  withClusterFlags(program.command("status").description("the pool at a glance"))
    .addHelpText("after", "\nExample:\n  pomona status --json")
    .action((flags: ClusterFlags) =>
      askCluster(flags, async (client) => {
        const status = await callCluster(client, pomona.Cluster.service.GetStatus, {});
        print(flags, status, describeStatus);
      }),
    );
}

function describeStatus(status: GetStatusResponse__Output): string {
  const { cluster, isReady, reasons, nodes, models, queueLength, runningRequests, isNatsConnected, version } = status;
  const { coordinators } = status;
  const nats = isNatsConnected ? "connected" : "away: nothing can be edited, and nodes' metrics are missing";
  return [
    `Pool ${cluster} ${isReady ? "is ready" : "is not ready"} (Pomona ${version})`,
    ...reasons.map((reason) => `  ${reason}`),
    `${runningRequests} requests run, ${queueLength} wait; NATS is ${nats}`,
    ...describeCoordinators(coordinators),
    "",
    nodesTable(nodes),
    "",
    modelsTable(listModels(models, [])),
  ].join("\n");
}

/** Of one alone there is nothing to say. */
function describeCoordinators(coordinators: GetStatusResponse__Output["coordinators"]): string[] {
  if (coordinators.length < 2) return [];
  const named = coordinators.map(
    ({ httpAddress, isActive }) => `${httpAddress} ${isActive ? "is active" : "stands by"}`,
  );
  return [`Coordinators: ${named.join(", ")}`];
}
