// A coordinator and two node-agents as processes, without NATS, whose nodes and engines a test kills.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type GgufModel, writeGguf } from "@pomona/shared/core/gguf/writer";
import { ChaosNode } from "../chaos/chaos-node.ts";
import type { PoolMember } from "../chaos/pool.ts";
import { PoolProcess } from "../chaos/pool-process.ts";
import type { EngineName } from "../chaos/prompts.ts";
import { createTemporaryDirectory, type TemporaryDirectory } from "./temporary-directory.ts";
import { waitFor } from "./wait-for.ts";

export type TwoNodesOptions = {
  readonly engine: EngineName;
  /** Every node serves all of them. */
  readonly models: Readonly<Record<string, GgufModel>>;
  /** Of the coordinator. */
  readonly environment?: Readonly<Record<string, string>>;
};

const slots = 4;
/** Of the simulated engine. */
const stepMs = 10;
const readyDeadlineMs = 30_000;

type Parts = {
  readonly directory: TemporaryDirectory;
  readonly coordinator: PoolProcess;
  readonly nodes: readonly ChaosNode[];
  readonly modelCount: number;
};

export class TwoNodes {
  readonly http: string;
  readonly grpc: string;
  readonly #parts: Parts;

  private constructor(parts: Parts) {
    const { grpc, http = "" } = parts.coordinator.ready;
    this.#parts = parts;
    this.http = http;
    this.grpc = grpc;
  }

  /** Waits until both nodes have every model. */
  static async start({ engine, models, environment = {} }: TwoNodesOptions): Promise<TwoNodes> {
    const directory = createTemporaryDirectory("two-nodes");
    const modelArgs = Object.entries(models).flatMap(([name, model]) => {
      const path = join(directory.path, `${name}.gguf`);
      writeFileSync(path, writeGguf(model));
      return ["--model", `${name}=${path}`];
    });
    const state = ["--state-dir", join(directory.path, "coordinator")];
    const ports = ["--http-port", "0", "--grpc-port", "0"];
    const coordinator = await PoolProcess.start({
      args: ["coordinator", "--no-mdns", ...state, ...ports, "--slots", String(slots), ...modelArgs],
      environment,
    });
    const nodes = [0, 1].map((index) => {
      const stateDir = join(directory.path, `node${index}`);
      const networkArgs = ["--no-mdns", "--peer", coordinator.ready.grpc];
      const options = { index, stateDir, networkArgs, stepMs, engine, proxy: null, prefix: [], hasClock: false };
      return new ChaosNode(options);
    });
    const pool = new TwoNodes({ directory, coordinator, nodes, modelCount: Object.keys(models).length });
    try {
      await Promise.all(nodes.map((node) => node.start()));
      await pool.settled();
      return pool;
    } catch (error) {
      await pool.close();
      throw error;
    }
  }

  get nodes(): readonly ChaosNode[] {
    return this.#parts.nodes;
  }

  node(nodeId: string): ChaosNode {
    const node = this.#parts.nodes.find(({ id }) => id === nodeId);
    if (node === undefined) throw new Error(`the pool has no node ${nodeId}`);
    return node;
  }

  /** Pids of the engine workers of each node by the model's name; none where the engine is simulated. */
  async enginePids(): Promise<Map<string, Map<string, number>>> {
    const found = new Map<string, Map<string, number>>();
    for (const node of this.#parts.nodes) {
      const workers = (await node.replicas()).filter(({ pid }) => pid > 0);
      found.set(node.id, new Map(workers.map(({ model, pid }) => [model, pid])));
    }
    return found;
  }

  /** Starts nodes that were killed again, and waits until the coordinator knows that all is ready. */
  async restore(): Promise<void> {
    for (const node of this.#parts.nodes) if (node.process.isGone) await node.start();
    await this.settled();
  }

  async settled(): Promise<void> {
    await waitFor(() => this.#isSettled(), readyDeadlineMs, "both nodes have every model");
  }

  /** By the labels of each series: what is named `name{...}` in /metrics. */
  async series(name: string): Promise<Map<string, number>> {
    const text = await (await fetch(`${this.http}/metrics`, { signal: AbortSignal.timeout(5000) })).text();
    const lines = text.matchAll(new RegExp(`^${name}\\{([^}]*)\\} (\\S+)$`, "gm"));
    return new Map([...lines].map(([, labels = "", value]) => [labels, Number(value)]));
  }

  async close(): Promise<void> {
    const { nodes, coordinator, directory } = this.#parts;
    await Promise.all(nodes.map((node) => node.close()));
    await coordinator.close();
    directory.remove();
  }

  async #isSettled(): Promise<boolean> {
    const response = await fetch(`${this.http}/cluster/v1/nodes`, { signal: AbortSignal.timeout(5000) });
    // The shape is that of docs/administration.md.
    const { nodes: members } = (await response.json()) as { readonly nodes: readonly PoolMember[] };
    const { nodes, modelCount } = this.#parts;
    for (const node of nodes) {
      const member = members.find(({ nodeId }) => nodeId === node.id);
      const known = member?.state === "MEMBER_STATE_ALIVE" ? readyOf(member.status?.replicas ?? []) : [];
      // What the coordinator knows of a node that was just started may be of the one before.
      if (known.length !== modelCount || known.join() !== readyOf(await node.replicas()).join()) return false;
    }
    return true;
  }
}

type KnownReplica = { readonly replicaId: string; readonly state: string; readonly pid?: number };

function readyOf(replicas: readonly KnownReplica[]): string[] {
  const ready = replicas.filter(({ state }) => state === "REPLICA_STATE_READY");
  return ready.map(({ replicaId, pid = 0 }) => `${replicaId} ${pid}`).sort();
}
