// The whole pool on one machine: nats-server, a coordinator and node-agents as sibling processes of `pomona up`.
import type { ChildProcess } from "node:child_process";
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import { budgetFor } from "@pomona/node-agent/core/memory-budget";
import type { GetStatusResponse__Output } from "@pomona/proto/generated/pomona/v1/GetStatusResponse";
import { pomona } from "@pomona/proto/load";
import { defaultPorts } from "@pomona/shared/core/defaults";
import { PomonaError } from "@pomona/shared/core/errors";
import { callUnary, createClusterClient } from "@pomona/shared/grpc/client";
import { startNatsServer } from "@pomona/shared/nats/nats-server";
import { Lifecycle } from "@pomona/shared/runtime/lifecycle";
import { createLogger } from "@pomona/shared/runtime/logger";
import { startChild, stopChild } from "./child.ts";
import { defaultOrFree } from "./ports.ts";
import type { AgentReady, CoordinatorReady } from "./process-messages.ts";

/** What `pomona up` was asked for. A port of null means the default one, or a free one where that is taken. */
export type PoolOptions = {
  readonly nodes: number;
  readonly models: readonly string[];
  readonly slots: number | null;
  readonly httpPort: number | null;
  readonly grpcPort: number | null;
  readonly natsUrl: string | null;
  readonly stateDir: string;
  readonly host: string;
  readonly mdns: boolean;
  readonly isInsecure: boolean;
  readonly logLevel: string;
};

/** The line that `pomona up --json` prints when the pool is ready (contract.md). */
export type PoolLine = {
  readonly http: string;
  readonly grpc: string;
  readonly nats: { readonly url: string; readonly pid: number | null };
  readonly metrics: string;
  readonly nodes: readonly {
    readonly id: string;
    readonly grpc: string;
    readonly pid: number;
    readonly stateDir: string;
  }[];
  readonly coordinator: { readonly pid: number };
  readonly pid: number;
};

export type RunningPool = {
  readonly line: PoolLine;
  readonly status: GetStatusResponse__Output;
  close(): Promise<void>;
};

const settleTimeoutMs = 30 * 60_000;
const pollMs = 100;

/** Starts everything and waits until every model is ready on each node that takes it, or has failed. */
export async function startPool(options: PoolOptions): Promise<RunningPool> {
  const lifecycle = new Lifecycle({ log: createLogger({ name: "up", level: "error" }) });
  const nats = await startNats(lifecycle, options);
  const coordinator = await startProcess<CoordinatorReady>(
    lifecycle,
    "coordinator",
    await coordinatorArgs(options, nats.url),
  );
  const agents = await Promise.all(
    Array.from({ length: options.nodes }, async (_, index) =>
      startProcess<AgentReady>(
        lifecycle,
        `node-agent ${index}`,
        await agentArgs(options, index, coordinator.ready.grpc),
      ),
    ),
  );
  for (const { process: child, ready } of agents) sayWhenGone(child, `node-agent ${ready.id}`);
  sayWhenGone(coordinator.process, "the coordinator");
  const status = await settled(coordinator.ready.grpc, options.nodes);
  const { http, grpc, pid } = coordinator.ready;
  const nodes = agents.map(({ ready }) => ({
    id: ready.id,
    grpc: ready.grpc,
    pid: ready.pid,
    stateDir: ready.stateDir,
  }));
  const line = { http, grpc, nats, metrics: `${http}/metrics`, nodes, coordinator: { pid }, pid: process.pid };
  return { line, status, close: () => lifecycle.stop() };
}

let isClosing = false;

/** A process that ends by itself is said, and not started again: what keeps it alive is launchd's or systemd's work. */
function sayWhenGone(child: ChildProcess, what: string): void {
  child.once("exit", (code, signal) => {
    if (!isClosing) process.stderr.write(`pomona: ${what} ended (${signal ?? `exit code ${code}`})\n`);
  });
}

async function startNats(lifecycle: Lifecycle, options: PoolOptions): Promise<{ url: string; pid: number | null }> {
  if (options.natsUrl !== null) return { url: options.natsUrl, pid: null };
  const { stateDir, host } = options;
  const port = await defaultOrFree(host, defaultPorts.nats, "NATS");
  const server = await lifecycle.start({
    name: "nats-server",
    start: () => startNatsServer({ stateDir, host, port }),
    stop: (started) => started.close(),
  });
  return { url: server.url, pid: server.pid };
}

async function startProcess<Ready extends CoordinatorReady | AgentReady>(
  lifecycle: Lifecycle,
  name: string,
  args: readonly string[],
): Promise<{ process: ChildProcess; ready: Ready }> {
  return await lifecycle.start({
    name,
    start: () => startChild<Ready>(args),
    stop: (child) => {
      isClosing = true;
      return stopChild(child.process);
    },
    stopTimeoutMs: 20_000,
  });
}

async function coordinatorArgs(options: PoolOptions, natsUrl: string): Promise<string[]> {
  const { host } = options;
  const httpPort = options.httpPort ?? (await defaultOrFree(host, defaultPorts.http, "HTTP"));
  const grpcPort = options.grpcPort ?? (await defaultOrFree(host, defaultPorts.coordinatorGrpc, "gRPC"));
  return [
    "coordinator",
    ...commonArgs(options, options.stateDir),
    ...["--http-port", String(httpPort), "--grpc-port", String(grpcPort), "--nats-url", natsUrl],
    ...options.models.flatMap((model) => ["--model", model]),
    ...["--model-when-none", "builtin:tiny"],
    ...(options.slots === null ? [] : ["--slots", String(options.slots)]),
  ];
}

/** Node i keeps its state in D/nodes/i; memory and cores are shared out equally. */
async function agentArgs(options: PoolOptions, index: number, peer: string): Promise<string[]> {
  const grpcPort = index === 0 ? await defaultOrFree(options.host, defaultPorts.nodeGrpc, "node-agent") : 0;
  const budget = Math.floor(budgetFor(totalmem()) / options.nodes);
  // One core is left to the node-agents themselves: engine threads that wait for each other suffer from every neighbour.
  const threads = Math.max(1, Math.floor((availableParallelism() - 1) / options.nodes));
  return [
    "agent",
    ...commonArgs(options, join(options.stateDir, "nodes", String(index))),
    ...["--grpc-port", String(grpcPort), "--peer", peer, "--budget", String(budget), "--threads", String(threads)],
  ];
}

function commonArgs(options: PoolOptions, stateDir: string): string[] {
  return [
    ...["--state-dir", stateDir, "--host", options.host, "--log-level", options.logLevel],
    ...(options.mdns ? [] : ["--no-mdns"]),
    ...(options.isInsecure ? ["--insecure"] : []),
  ];
}

/** Asks the coordinator until all nodes are there and nothing is loading any more. */
async function settled(grpc: string, nodes: number): Promise<GetStatusResponse__Output> {
  const client = createClusterClient(grpc);
  const deadline = AbortSignal.timeout(settleTimeoutMs);
  try {
    for (;;) {
      const status = await callUnary(client, pomona.Cluster.service.GetStatus, {
        request: {},
        timeoutMs: 5000,
        signal: deadline,
      });
      if (isSettled(status, nodes)) return status;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  } catch (error) {
    throw new PomonaError("setup_failed", "the pool did not become ready", { cause: error });
  } finally {
    client.close();
  }
}

function isSettled({ nodes, models }: GetStatusResponse__Output, count: number): boolean {
  const alive = nodes.filter((node) => node.state === "MEMBER_STATE_ALIVE");
  if (alive.length < count || models.some((model) => model.state === "loading")) return false;
  const states = alive.flatMap((node) => node.status?.replicas.map((replica) => replica.state) ?? []);
  if (states.includes("REPLICA_STATE_LOADING")) return false;
  // Every ready model is on every node that has room: nothing more will be placed.
  const ready = models.filter((model) => model.state === "ready");
  return ready.every((model) => model.readyReplicas === count) || !couldPlaceMore(alive, ready);
}

type Nodes = GetStatusResponse__Output["nodes"];
type Models = GetStatusResponse__Output["models"];

/** Whether some node lacks a ready model although what the model takes elsewhere is free there. */
function couldPlaceMore(nodes: Nodes, models: Models): boolean {
  const replicas = nodes.flatMap((node) => node.status?.replicas ?? []);
  return models.some(({ name }) => {
    const memory = replicas.find((replica) => replica.model === name)?.memory;
    const needed = memory ? memory.weightsBytes + memory.kvBytes + memory.computeBytes + memory.processBytes : 0;
    return nodes.some(
      ({ status }) =>
        !status?.replicas.some((replica) => replica.model === name) && (status?.capacity?.freeBytes ?? 0) >= needed,
    );
  });
}
