// A node-agent as a process, with the ways to hurt it.
import type { NodeClient } from "@pomona/proto/generated/pomona/v1/Node";
import type { ReplicaStatus__Output } from "@pomona/proto/generated/pomona/v1/ReplicaStatus";
import { pomona } from "@pomona/proto/load";
import { callUnary, createNodeClient } from "@pomona/shared/grpc/client";
import type { AgentFault } from "./agent-preload.ts";
import { PoolProcess } from "./pool-process.ts";
import type { EngineName } from "./prompts.ts";
import type { TcpProxy } from "./tcp-proxy.ts";

export type ChaosNodeOptions = {
  readonly index: number;
  readonly stateDir: string;
  /** Where it listens, and how it finds the coordinator. */
  readonly networkArgs: readonly string[];
  /** A command that runs it, on a host of its own; empty for none. */
  readonly prefix: readonly string[];
  readonly stepMs: number;
  readonly engine: EngineName;
  /** What the coordinator connects to instead of the node itself. */
  readonly proxy: TcpProxy | null;
  /** Whether its wall clock can be set. */
  readonly hasClock: boolean;
};

/** Of a process whose wall clock can be set. */
export const clockPreload = new URL("./clock-preload.js", import.meta.url).href;

const preload = new URL("./agent-preload.js", import.meta.url).href;
const budgetBytes = 2e9;

export class ChaosNode {
  readonly options: ChaosNodeOptions;
  #process: PoolProcess | null = null;
  #client: NodeClient | null = null;

  constructor(options: ChaosNodeOptions) {
    this.options = options;
  }

  /** Starts it, or starts it again under its id. */
  async start(): Promise<void> {
    const { stateDir, networkArgs, prefix, stepMs, engine, proxy, hasClock } = this.options;
    const clock = hasClock ? ["--import", clockPreload] : [];
    this.#client?.close();
    this.#client = null;
    this.#process = await PoolProcess.start({
      args: [
        ...["agent", "--state-dir", stateDir, ...networkArgs, "--grpc-port", "0"],
        ...["--engine", engine, "--budget", String(budgetBytes), "--threads", "1"],
      ],
      prefix,
      // Engine workers would inherit it, and lose the messages that come before they listen.
      nodeArgs: engine === "simulated" ? [...clock, "--import", preload] : [],
      environment: {
        CHAOS_STEP_MS: String(stepMs),
        ...(proxy === null ? {} : { CHAOS_ADVERTISE: proxy.address }),
      },
    });
    if (proxy !== null) proxy.target = this.process.ready.grpc;
  }

  get process(): PoolProcess {
    if (this.#process === null) throw new Error(`node ${this.options.index} was never started`);
    return this.#process;
  }

  get id(): string {
    return this.process.ready.id ?? "";
  }

  get proxy(): TcpProxy {
    if (this.options.proxy === null) throw new Error("the pool was started without proxies");
    return this.options.proxy;
  }

  /** Does nothing else for so long. */
  block(blockMs: number): void {
    const fault: AgentFault = { blockMs };
    this.process.child.send(fault);
  }

  async runningAttempts(): Promise<number> {
    return (await this.replicas()).reduce((sum, { running }) => sum + running.length, 0);
  }

  /** Asked of the node itself, past any proxy. */
  async replicas(): Promise<readonly ReplicaStatus__Output[]> {
    this.#client ??= createNodeClient(this.process.ready.grpc);
    const signal = new AbortController().signal;
    const { replicas } = await callUnary(this.#client, pomona.Node.service.ListReplicas, {
      request: {},
      timeoutMs: 5000,
      signal,
    });
    return replicas;
  }

  async close(): Promise<void> {
    this.#client?.close();
    await this.#process?.close();
    await this.options.proxy?.close();
  }
}
