// `pomona up`: the whole pool on this machine.
import { PomonaError } from "@pomona/shared/core/errors";
import { isLoopback } from "@pomona/shared/runtime/bind-address";
import { type Command, Option } from "commander";
import { parseModelSpec } from "../model-spec.ts";
import { collect, defaultStateDir, parseCount, parsePort } from "../options.ts";
import { type RunningPool, startPool } from "../pool.ts";
import { listModels, modelsTable } from "../render-models.ts";
import { nodesTable } from "../render-nodes.ts";
import { runUntilStopped } from "../run-until-stopped.ts";

type UpFlags = {
  readonly nodes: number;
  readonly model: readonly string[];
  readonly slots?: number;
  readonly httpPort?: number;
  readonly grpcPort?: number;
  readonly natsUrl?: string;
  readonly stateDir: string;
  readonly host: string;
  readonly mdns: boolean;
  readonly insecure?: boolean;
  readonly logLevel: string;
  readonly json?: boolean;
};

export function addUpCommand(program: Command): void {
  program
    .command("up")
    .description("run a whole pool on this machine: NATS, a coordinator and node-agents")
    .option("--nodes <n>", "node-agents to start; memory and cores are shared out", parseCount, 1)
    .option("--model <spec>", "a model to serve: NAME=SOURCE or SOURCE; may be repeated", collect, [])
    .option("--slots <n>", "requests that one replica answers at the same time (4)", parseCount)
    .option("--http-port <port>", "port of the HTTP API (8484, or a free one)", parsePort)
    .option("--grpc-port <port>", "port of the coordinator's gRPC services (8485, or a free one)", parsePort)
    .option("--nats-url <url>", "a NATS of your own instead of a nats-server of the pool's")
    .option("--state-dir <dir>", "where the pool keeps its state", defaultStateDir())
    .option("--host <address>", "address to bind", "127.0.0.1")
    .option("--no-mdns", "neither look for others nor be found by multicast DNS")
    .option("--insecure", "allow an address beyond loopback, without keys or encryption")
    .addOption(new Option("--log-level <level>", "what the processes log on stderr").default("warn"))
    .option("--json", "print one line of JSON when the pool is ready")
    .addHelpText("after", "\nExample:\n  pomona up --nodes 2 --model qwen=/models/qwen2.5-7b-q4.gguf")
    .action((flags: UpFlags) => runUntilStopped(() => up(flags)));
}

async function up(flags: UpFlags): Promise<RunningPool> {
  for (const model of flags.model) parseModelSpec(model);
  if (!isLoopback(flags.host) && flags.insecure !== true) {
    throw new PomonaError(
      "invalid_request",
      `binding ${flags.host} would let everyone on the network in, without keys or encryption: leave --host out, or add --insecure if that is what you want`,
    );
  }
  const pool = await startPool({
    nodes: flags.nodes,
    models: flags.model,
    slots: flags.slots ?? null,
    httpPort: flags.httpPort ?? null,
    grpcPort: flags.grpcPort ?? null,
    natsUrl: flags.natsUrl ?? null,
    stateDir: flags.stateDir,
    host: flags.host,
    mdns: flags.mdns,
    isInsecure: flags.insecure ?? false,
    logLevel: flags.logLevel,
  });
  process.stdout.write(flags.json === true ? `${JSON.stringify(pool.line)}\n` : describe(pool));
  return pool;
}

function describe({ line, status }: RunningPool): string {
  const [first] = status.models;
  const ask = JSON.stringify({
    model: first?.name ?? "tiny",
    messages: [{ role: "user", content: "Hello!" }],
    stream: true,
  });
  return [
    `Pool ${status.cluster} is up.`,
    "",
    nodesTable(status.nodes),
    "",
    modelsTable(listModels(status.models, [])),
    "",
    `HTTP API  ${line.http}/v1`,
    `Metrics   ${line.metrics}`,
    `gRPC      ${line.grpc}`,
    `NATS      ${line.nats.url}`,
    "",
    "Try it:",
    `  curl -N ${line.http}/v1/chat/completions -H 'content-type: application/json' -d '${ask}'`,
    "",
    "Ctrl-C stops it.",
    "",
  ].join("\n");
}
