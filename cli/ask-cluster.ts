// Calls of the coordinator's Cluster service, as the commands make them.
import type { ClusterClient } from "@pomona/proto/generated/pomona/v1/Cluster";
import { defaultPorts } from "@pomona/shared/core/defaults";
import { toPomonaError } from "@pomona/shared/core/errors";
import { type ClientMethod, callUnary, createClusterClient } from "@pomona/shared/grpc/client";
import type { Command } from "commander";
import { exitCodes } from "./exit-codes.ts";
import { reportError } from "./report-error.ts";

const clusterTimeoutMs = 5000;

export type ClusterFlags = { readonly grpc: string; readonly json?: boolean };

export function withClusterFlags(command: Command): Command {
  return command
    .option("--grpc <host:port>", "gRPC address of the coordinator", `127.0.0.1:${defaultPorts.coordinatorGrpc}`)
    .option("--json", "print JSON");
}

/** One call, which has five seconds. */
export function callCluster<Request, Response>(
  client: ClusterClient,
  method: ClientMethod<Request, Response>,
  request: NoInfer<Request>,
): Promise<Response> {
  const signal = AbortSignal.timeout(clusterTimeoutMs);
  return callUnary(client, method, { request, timeoutMs: clusterTimeoutMs, signal });
}

/** For programs with `--json`, else for people. */
export function print<Value>(flags: ClusterFlags, value: Value, describe: (value: Value) => string): void {
  process.stdout.write(`${flags.json === true ? JSON.stringify(value) : describe(value)}\n`);
}

/** Calls the coordinator; one that does not answer is exit code 3. */
export async function askCluster(flags: ClusterFlags, call: (client: ClusterClient) => Promise<void>): Promise<void> {
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
