// `pomona coordinator` and `pomona agent`: one process each.
import { join } from "node:path";
import { type CoordinatorOptions, coordinatorSchema } from "@pomona/coordinator/config";
import { runCoordinator } from "@pomona/coordinator/main";
import { type NodeAgentOptions, nodeAgentSchema } from "@pomona/node-agent/config";
import { runNodeAgent } from "@pomona/node-agent/main";
import { defaultSlots } from "@pomona/shared/core/defaults";
import { hostAndPort } from "@pomona/shared/grpc/address";
import { loadConfig } from "@pomona/shared/runtime/load-config";
import { type Command, Option } from "commander";
import { parseModelSpec } from "../model-spec.ts";
import { collect, defaultStateDir, parseBytes, parseCount, parsePort } from "../options.ts";
import { tellParent } from "../process-messages.ts";
import { runUntilStopped } from "../run-until-stopped.ts";

type CommonFlags = {
  readonly stateDir: string;
  readonly host?: string;
  readonly grpcPort?: number;
  readonly cluster?: string;
  readonly natsUrl: readonly string[];
  readonly mdns: boolean;
  readonly insecure?: boolean;
  readonly logLevel?: string;
  readonly config?: string;
};
type CoordinatorFlags = CommonFlags & {
  readonly httpPort?: number;
  readonly model: readonly string[];
  readonly modelWhenNone?: string;
  readonly slots: number;
  readonly node: readonly string[];
  readonly advertise?: string;
};
type AgentFlags = CommonFlags & {
  readonly peer: readonly string[];
  readonly budget?: number;
  readonly threads?: number;
  readonly engine?: string;
};

export function addServeCommands(program: Command): void {
  addCommonFlags(program.command("coordinator").description("run a coordinator in this process"))
    .option("--http-port <port>", "port of the HTTP API (8484)", parsePort)
    .option("--model <spec>", "a model to serve: NAME=SOURCE or SOURCE; may be repeated", collect, [])
    .option("--model-when-none <spec>", "a model to serve where no other is deployed")
    .option("--slots <n>", "requests that one replica answers at the same time", parseCount, defaultSlots)
    .option("--node <host:port>", "a node-agent that mDNS does not find; may be repeated", collect, [])
    .option("--advertise <host>", "name or address by which other coordinators reach this one")
    .addHelpText("after", "\nExample:\n  pomona coordinator --host 192.168.1.10 --insecure --model /models/qwen.gguf")
    .action((flags: CoordinatorFlags) => runUntilStopped(() => startCoordinator(coordinatorOptions(flags))));
  addCommonFlags(program.command("agent").description("run a node-agent in this process"))
    .option("--peer <host:port>", "gRPC address of a coordinator; without it mDNS looks for one", collect, [])
    .option("--budget <size>", "memory that models may use, like 24GB", parseBytes)
    .option("--threads <n>", "processor cores that engines may use", parseCount)
    .addOption(new Option("--engine <name>", "what evaluates models").choices(["llama", "simulated"]))
    .addHelpText("after", "\nExample:\n  pomona agent --peer 192.168.1.10:8485 --host 0.0.0.0 --insecure")
    .action((flags: AgentFlags) => runUntilStopped(() => startAgent(agentOptions(flags))));
}

function addCommonFlags(command: Command): Command {
  return command
    .option("--state-dir <dir>", "where the process keeps its key and files", defaultStateDir())
    .option("--config <file>", "settings in YAML; pomona.yaml in the state directory where it is there")
    .option("--host <address>", "address to bind (127.0.0.1)")
    .option("--grpc-port <port>", "port of the gRPC service", parsePort)
    .option("--cluster <name>", "name of the pool")
    .option("--nats-url <url>", "address of NATS; may be repeated", collect, [])
    .option("--no-mdns", "neither look for others nor be found by multicast DNS")
    .option("--insecure", "allow an address beyond loopback, without keys or encryption")
    .option("--log-level <level>", "trace, debug, info, warn, error, fatal or silent");
}

function sources(flags: CommonFlags, section: string) {
  return {
    environment: process.env,
    file: flags.config ?? join(flags.stateDir, "pomona.yaml"),
    section,
    isFileOptional: flags.config === undefined,
  };
}

function commonSettings(flags: CommonFlags): Record<string, unknown> {
  return {
    stateDir: flags.stateDir,
    host: flags.host,
    grpcPort: flags.grpcPort,
    cluster: flags.cluster,
    mdns: flags.mdns ? undefined : false,
    isInsecure: flags.insecure,
    logLevel: flags.logLevel,
  };
}

const unlessEmpty = <Item>(list: readonly Item[]): readonly Item[] | undefined =>
  list.length === 0 ? undefined : list;

function coordinatorOptions(flags: CoordinatorFlags): CoordinatorOptions {
  const optionOf = (text: string) => ({ ...parseModelSpec(text), slots: flags.slots });
  return loadConfig({
    schema: coordinatorSchema,
    ...sources(flags, "coordinator"),
    flags: {
      ...commonSettings(flags),
      httpPort: flags.httpPort,
      natsUrls: unlessEmpty(flags.natsUrl),
      models: unlessEmpty(flags.model.map(optionOf)),
      modelWhenNone: flags.modelWhenNone === undefined ? undefined : optionOf(flags.modelWhenNone),
      nodes: unlessEmpty(flags.node),
      advertise: flags.advertise,
    },
  });
}

function agentOptions(flags: AgentFlags): NodeAgentOptions {
  return loadConfig({
    schema: nodeAgentSchema,
    ...sources(flags, "agent"),
    flags: {
      ...commonSettings(flags),
      peers: unlessEmpty(flags.peer),
      budgetBytes: flags.budget,
      threads: flags.threads,
      engine: flags.engine,
    },
  });
}

async function startCoordinator(options: CoordinatorOptions): Promise<{ close(): Promise<void> }> {
  const running = await runCoordinator(options);
  const http = `http://${hostAndPort(options.host, running.httpPort)}`;
  tellParent({ kind: "ready", http, grpc: hostAndPort(options.host, running.grpcPort), pid: process.pid });
  return running;
}

async function startAgent(options: NodeAgentOptions): Promise<{ close(): Promise<void> }> {
  const running = await runNodeAgent(options);
  const { id, grpc, stateDir } = running;
  tellParent({ kind: "ready", id, grpc, pid: process.pid, stateDir });
  return running;
}
