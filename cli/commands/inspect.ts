// `pomona status`, `nodes`, `models`: what the coordinator knows.
import type { GetStatusResponse__Output } from "@pomona/proto/generated/pomona/v1/GetStatusResponse";
import { pomona } from "@pomona/proto/load";
import { callUnary } from "@pomona/shared/grpc/client";
import type { Command } from "commander";
import { askCluster, type ClusterFlags, clusterTimeoutMs, withClusterFlags } from "../ask-cluster.ts";
import { modelsTable, nodesTable } from "../render.ts";

export function addInspectCommands(program: Command): void {
  withClusterFlags(program.command("status").description("the pool at a glance"))
    .addHelpText("after", "\nExample:\n  pomona status --json")
    .action((flags: ClusterFlags) => show(flags, (status) => status, describeStatus));
  const nodes = program.command("nodes").description("the machines of the pool");
  withClusterFlags(nodes.command("ls", { isDefault: true }).description("list them"))
    .addHelpText("after", "\nExample:\n  pomona nodes --json")
    .action((flags: ClusterFlags) => show(flags, ({ nodes: list }) => list, nodesTable));
  withClusterFlags(nodes.command("forget <id>").description("take a dead node off the list"))
    .addHelpText("after", "\nExample:\n  pomona nodes forget 4be1c8d0a2f94d6f8b7c3e5a90d1f26b")
    .action((id: string, flags: ClusterFlags) => forget(id, flags));
  const models = program.command("models").description("the models of the pool");
  withClusterFlags(models.command("ls", { isDefault: true }).description("list them"))
    .addHelpText("after", "\nExample:\n  pomona models ls")
    .action((flags: ClusterFlags) => show(flags, ({ models: list }) => list, modelsTable));
}

async function show<Part>(
  flags: ClusterFlags,
  pick: (status: GetStatusResponse__Output) => Part,
  describe: (part: Part) => string,
): Promise<void> {
  await askCluster(flags, async (client) => {
    const signal = AbortSignal.timeout(clusterTimeoutMs);
    const part = pick(
      await callUnary(client, pomona.Cluster.service.GetStatus, { request: {}, timeoutMs: clusterTimeoutMs, signal }),
    );
    process.stdout.write(`${flags.json === true ? JSON.stringify(part) : describe(part)}\n`);
  });
}

async function forget(nodeId: string, flags: ClusterFlags): Promise<void> {
  await askCluster(flags, async (client) => {
    const signal = AbortSignal.timeout(clusterTimeoutMs);
    await callUnary(client, pomona.Cluster.service.ForgetNode, {
      request: { nodeId },
      timeoutMs: clusterTimeoutMs,
      signal,
    });
    process.stdout.write(flags.json === true ? `${JSON.stringify({ forgotten: nodeId })}\n` : `forgot ${nodeId}\n`);
  });
}

function describeStatus(status: GetStatusResponse__Output): string {
  const { cluster, isReady, reasons, nodes, models, queueLength, runningRequests, isNatsConnected, version } = status;
  return [
    `Pool ${cluster} ${isReady ? "is ready" : "is not ready"} (Pomona ${version})`,
    ...reasons.map((reason) => `  ${reason}`),
    `${runningRequests} requests run, ${queueLength} wait; NATS is ${isNatsConnected ? "connected" : "away: no placement, no node metrics"}`,
    "",
    nodesTable(nodes),
    "",
    modelsTable(models),
  ].join("\n");
}
