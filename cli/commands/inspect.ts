// `pomona status`, `nodes`, `models`: what the coordinator knows.
import type { ClusterClient } from "@pomona/proto/generated/pomona/v1/Cluster";
import type { GetStatusResponse__Output } from "@pomona/proto/generated/pomona/v1/GetStatusResponse";
import { pomona } from "@pomona/proto/load";
import { defaultPorts } from "@pomona/shared/core/defaults";
import { toPomonaError } from "@pomona/shared/core/errors";
import { callUnary, createClusterClient } from "@pomona/shared/grpc/client";
import type { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { modelsTable, nodesTable } from "../render.ts";
import { reportError } from "../report-error.ts";

const timeoutMs = 5000;

type Flags = { readonly grpc: string; readonly json?: boolean };

export function addInspectCommands(program: Command): void {
  withFlags(program.command("status").description("the pool at a glance"))
    .addHelpText("after", "\nExample:\n  pomona status --json")
    .action((flags: Flags) => show(flags, (status) => status, describeStatus));
  const nodes = program.command("nodes").description("the machines of the pool");
  withFlags(nodes.command("ls", { isDefault: true }).description("list them"))
    .addHelpText("after", "\nExample:\n  pomona nodes --json")
    .action((flags: Flags) => show(flags, ({ nodes: list }) => list, nodesTable));
  withFlags(nodes.command("forget <id>").description("take a dead node off the list"))
    .addHelpText("after", "\nExample:\n  pomona nodes forget 4be1c8d0a2f94d6f8b7c3e5a90d1f26b")
    .action((id: string, flags: Flags) => forget(id, flags));
  const models = program.command("models").description("the models of the pool");
  withFlags(models.command("ls", { isDefault: true }).description("list them"))
    .addHelpText("after", "\nExample:\n  pomona models ls")
    .action((flags: Flags) => show(flags, ({ models: list }) => list, modelsTable));
}

function withFlags(command: Command): Command {
  return command
    .option("--grpc <host:port>", "gRPC address of the coordinator", `127.0.0.1:${defaultPorts.coordinatorGrpc}`)
    .option("--json", "print JSON");
}

async function show<Part>(
  flags: Flags,
  pick: (status: GetStatusResponse__Output) => Part,
  describe: (part: Part) => string,
): Promise<void> {
  await ask(flags, async (client) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const part = pick(await callUnary(client, pomona.Cluster.service.GetStatus, { request: {}, timeoutMs, signal }));
    process.stdout.write(`${flags.json === true ? JSON.stringify(part) : describe(part)}\n`);
  });
}

async function forget(nodeId: string, flags: Flags): Promise<void> {
  await ask(flags, async (client) => {
    const signal = AbortSignal.timeout(timeoutMs);
    await callUnary(client, pomona.Cluster.service.ForgetNode, { request: { nodeId }, timeoutMs, signal });
    process.stdout.write(flags.json === true ? `${JSON.stringify({ forgotten: nodeId })}\n` : `forgot ${nodeId}\n`);
  });
}

/** Calls the coordinator; one that does not answer is exit code 3. */
async function ask(flags: Flags, call: (client: ClusterClient) => Promise<void>): Promise<void> {
  const client = createClusterClient(flags.grpc);
  try {
    await call(client);
  } catch (thrown) {
    const error = toPomonaError(thrown);
    if (["node_lost", "deadline_exceeded", "cancelled"].includes(error.code)) {
      process.stderr.write(`pomona: no coordinator answers at ${flags.grpc}: is it running? Name another by --grpc\n`);
      process.exitCode = exitCodes.unreachable;
      return;
    }
    process.exitCode = reportError(error).exitCode;
  } finally {
    client.close();
  }
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
