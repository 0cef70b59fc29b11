// A pool of real processes to be hurt: a nats-server, a coordinator and three node-agents, each started by the test itself.
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { keyedModel } from "@pomona/shared/core/gguf/keyed-model";
import { writeGguf } from "@pomona/shared/core/gguf/writer";
import { startTestNatsServer, type TestNatsServer } from "../support/nats-server.ts";
import { createTemporaryDirectory, type TemporaryDirectory } from "../support/temporary-directory.ts";
import { waitFor } from "../support/wait-for.ts";
import { ChaosNode, clockPreload } from "./chaos-node.ts";
import type { ClockFault } from "./clock-preload.ts";
import { PoolEvents } from "./pool-events.ts";
import { memoryPreload, PoolProcess } from "./pool-process.ts";
import type { EngineName } from "./prompts.ts";
import { TcpProxy } from "./tcp-proxy.ts";

export type ChaosPoolOptions = {
  /** Of each replica; 25 by default: two nodes hold 50 streams. */
  readonly slots?: number;
  /** Time of a token of the simulated engine; 20 ms by default. */
  readonly stepMs?: number;
  readonly engine?: EngineName;
  /** Puts a proxy between the coordinator and each node. */
  readonly isProxied?: boolean;
  readonly coordinatorEnvironment?: Readonly<Record<string, string>>;
  /** Hosts of their own: the first for the coordinator, NATS and this process, one more for each node. */
  readonly hosts?: readonly PoolHost[];
  /** Coordinator and nodes find each other by multicast DNS alone. */
  readonly usesMdns?: boolean;
  /** Makes the wall clocks of all processes ones that the test sets. */
  readonly hasClocks?: boolean;
};

/** What the coordinator says of a node; the JSON of `Member`. */
export type PoolMember = {
  readonly nodeId: string;
  readonly state: string;
  readonly lastHeartbeatAgeMs?: number;
  readonly status?: {
    readonly incarnation?: number | string;
    readonly replicas?: readonly { readonly replicaId: string; readonly state: string; readonly pid?: number }[];
  };
};

export type PoolHost = { readonly address: string; readonly prefix: readonly string[] };

const nodeCount = 3;
const readyDeadlineMs = 60_000;

export class ChaosPool {
  readonly model = "keyed";
  readonly engine: EngineName;
  readonly nats: TestNatsServer;
  readonly nodes: readonly ChaosNode[];
  readonly events: PoolEvents;
  readonly http: string;
  coordinator: PoolProcess;
  readonly #directory: TemporaryDirectory;
  readonly #startCoordinator: () => Promise<PoolProcess>;

  private constructor(parts: PoolParts, options: ChaosPoolOptions) {
    this.engine = options.engine ?? "simulated";
    this.nats = parts.nats;
    this.nodes = parts.nodes;
    this.coordinator = parts.coordinator;
    this.http = parts.coordinator.ready.http ?? "";
    this.events = new PoolEvents(this.http);
    this.#directory = parts.directory;
    this.#startCoordinator = parts.startCoordinator;
  }

  /** Waits until every node has a ready replica. */
  static async start(options: ChaosPoolOptions = {}): Promise<ChaosPool> {
    const parts = await startParts(options);
    const pool = new ChaosPool(parts, options);
    try {
      await pool.settled(readyDeadlineMs);
      return pool;
    } catch (error) {
      await pool.close();
      throw error;
    }
  }

  /** Starts the coordinator again on its ports, with what it kept. */
  async restartCoordinator(): Promise<void> {
    this.coordinator = await this.#startCoordinator();
    this.events.follow();
  }

  node(index: number): ChaosNode {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`the pool has no node ${index}`);
    return node;
  }

  async members(): Promise<readonly PoolMember[]> {
    // The shape is that of docs/administration.md.
    const { nodes } = (await this.#json("/cluster/v1/nodes")) as { readonly nodes: readonly PoolMember[] };
    return nodes;
  }

  async memberOf(node: ChaosNode): Promise<PoolMember | undefined> {
    return (await this.members()).find(({ nodeId }) => nodeId === node.id);
  }

  async cluster(): Promise<string> {
    // The shape is that of docs/administration.md.
    return ((await this.#json("/cluster/v1/state")) as { readonly cluster: string }).cluster;
  }

  /** Nodes that are alive and have a ready replica; 0 while the coordinator does not answer. */
  async readyNodes(): Promise<number> {
    const isReady = ({ state, status }: PoolMember): boolean =>
      state === "MEMBER_STATE_ALIVE" && status?.replicas?.some((each) => each.state === "REPLICA_STATE_READY") === true;
    return (await this.members().catch(() => [])).filter(isReady).length;
  }

  async settled(deadlineMs: number, nodes = nodeCount): Promise<void> {
    await waitFor(async () => (await this.readyNodes()) === nodes, deadlineMs, `${nodes} nodes are ready`);
  }

  /** The sum of a metric's series whose labels match; 0 for none. */
  async metric(name: string, labels = /(?:)/): Promise<number> {
    const text = await (await fetch(`${this.http}/metrics`, { signal: AbortSignal.timeout(5000) })).text();
    let sum = 0;
    for (const [, found = "", value] of text.matchAll(new RegExp(`^${name}(\\{[^}]*\\})? (\\S+)$`, "gm")))
      if (labels.test(found)) sum += Number(value);
    return sum;
  }

  /** Attempts that were lost and put back, by the coordinator's own count. */
  moves(): Promise<number> {
    return this.metric("pomona_resumes_total");
  }

  async setDraining(node: ChaosNode, isDraining: boolean): Promise<void> {
    const response = await fetch(`${this.http}/cluster/v1/nodes/${node.id}/settings`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ isDraining }),
      signal: AbortSignal.timeout(5000),
    });
    if (!response.ok) throw new Error(`the settings were refused: ${response.status} ${await response.text()}`);
  }

  /** Changes the wall clock of the coordinator and of every node. */
  jumpClocks(jumpMs: number): void {
    const fault: ClockFault = { jumpMs };
    for (const { child } of [this.coordinator, ...this.nodes.map(({ process }) => process)]) child.send(fault);
  }

  /** Attempts that hold a slot, asked of the nodes themselves. */
  async runningAttempts(): Promise<number> {
    const counts = await Promise.all(this.nodes.map((node) => node.runningAttempts()));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async close(): Promise<void> {
    this.events.close();
    await closeParts(this.nodes, this.coordinator, this.nats);
    this.#directory.remove();
  }

  async #json(path: string): Promise<unknown> {
    const response = await fetch(`${this.http}${path}`, { signal: AbortSignal.timeout(5000) });
    return await response.json();
  }
}

type PoolParts = {
  readonly directory: TemporaryDirectory;
  readonly nats: TestNatsServer;
  readonly nodes: readonly ChaosNode[];
  readonly coordinator: PoolProcess;
  readonly startCoordinator: () => Promise<PoolProcess>;
};

async function startParts(options: ChaosPoolOptions): Promise<PoolParts> {
  const { slots = 25, isProxied = false, hasClocks = false, usesMdns = false } = options;
  const directory = createTemporaryDirectory("chaos");
  const modelPath = join(directory.path, "keyed.gguf");
  writeFileSync(modelPath, writeGguf(keyedModel()));
  const host = options.hosts?.[0]?.address ?? loopback;
  const nats = await startTestNatsServer(host);
  const [httpPort, grpcPort] = [await freePort(), await freePort()];
  const startCoordinator = (): Promise<PoolProcess> =>
    PoolProcess.start({
      args: [
        ...["coordinator", "--state-dir", join(directory.path, "coordinator"), ...networkArgs(host, usesMdns)],
        ...["--http-port", String(httpPort), "--grpc-port", String(grpcPort), "--nats-url", nats.url],
        ...["--model", `keyed=${modelPath}`, "--slots", String(slots)],
      ],
      environment: options.coordinatorEnvironment ?? {},
      nodeArgs: ["--import", memoryPreload, ...(hasClocks ? ["--import", clockPreload] : [])],
    });
  const coordinator = await startCoordinator();
  const nodes: ChaosNode[] = [];
  try {
    for (let index = 0; index < nodeCount; index += 1) {
      const { address = loopback, prefix = [] } = options.hosts?.[index + 1] ?? {};
      const node = new ChaosNode({
        index,
        stateDir: join(directory.path, `node${index}`),
        networkArgs: [...networkArgs(address, usesMdns), ...(usesMdns ? [] : ["--peer", coordinator.ready.grpc])],
        prefix,
        stepMs: options.stepMs ?? 20,
        engine: options.engine ?? "simulated",
        proxy: isProxied ? await TcpProxy.start() : null,
        hasClock: hasClocks,
      });
      nodes.push(node);
      await node.start();
    }
    return { directory, nats, nodes, coordinator, startCoordinator };
  } catch (error) {
    await closeParts(nodes, coordinator, nats);
    directory.remove();
    throw error;
  }
}

const loopback = "127.0.0.1";

function networkArgs(host: string, usesMdns: boolean): readonly string[] {
  return [...(usesMdns ? [] : ["--no-mdns"]), ...(host === loopback ? [] : ["--host", host, "--insecure"])];
}

async function closeParts(nodes: readonly ChaosNode[], coordinator: PoolProcess, nats: TestNatsServer): Promise<void> {
  await Promise.all(nodes.map((node) => node.close()));
  await coordinator.close();
  await nats.close();
}

/** Somebody else may take it before it is used: then the start fails, and says so. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
