// What a node says over NATS: a heartbeat every half second, its metrics every five.
import { heartbeatIntervalMs, metricsIntervalMs } from "@pomona/shared/core/defaults";
import type { NodeId } from "@pomona/shared/core/ids";
import type { NodeStatus } from "@pomona/shared/core/node-status";
import { subjects } from "@pomona/shared/core/subjects";
import { encodeMetricsReport } from "@pomona/shared/grpc/wire-metrics";
import { encodeNodeStatus } from "@pomona/shared/grpc/wire-status";
import type { Bus } from "@pomona/shared/nats/bus";
import { collectFamilies } from "@pomona/shared/runtime/metrics";
import type { Registry } from "prom-client";

export type ReporterDependencies = {
  readonly nodeId: NodeId;
  readonly incarnation: number;
  readonly status: () => NodeStatus;
  readonly registry: Registry;
  readonly connect: (urls: readonly string[]) => Bus;
};

/** Reports once it knows where NATS is. While NATS is away, reports are dropped: the next one says it all again. */
export class Reporter {
  readonly #dependencies: ReporterDependencies;
  readonly #listeners = new Set<() => void>();
  readonly #timers: NodeJS.Timeout[];
  #cluster: string | null = null;
  #urls: readonly string[] = [];
  #bus: Bus | null = null;

  constructor(dependencies: ReporterDependencies) {
    this.#dependencies = dependencies;
    this.#timers = [
      setInterval(() => this.#beat(), heartbeatIntervalMs),
      setInterval(() => void this.#reportMetrics(), metricsIntervalMs),
    ];
  }

  /** Calls back at each heartbeat, NATS or not, until the returned function is called. */
  onHeartbeat(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Goes over to the NATS of a cluster. Does nothing when it is there already. */
  async use(cluster: string, urls: readonly string[]): Promise<void> {
    const isSame = cluster === this.#cluster && urls.join() === this.#urls.join();
    if (isSame || urls.length === 0) return;
    const old = this.#bus;
    this.#cluster = cluster;
    this.#urls = urls;
    this.#bus = this.#dependencies.connect(urls);
    await old?.close();
    await this.#reportMetrics();
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#bus?.close();
  }

  #beat(): void {
    for (const listener of this.#listeners) listener();
    if (this.#bus === null || this.#cluster === null) return;
    const { nodeId, status } = this.#dependencies;
    this.#bus.publish(subjects(this.#cluster).heartbeat(nodeId), encodeNodeStatus(status()));
  }

  async #reportMetrics(): Promise<void> {
    const { nodeId, incarnation, registry } = this.#dependencies;
    const families = await collectFamilies(registry);
    if (this.#bus === null || this.#cluster === null) return;
    this.#bus.publish(subjects(this.#cluster).metrics(nodeId), encodeMetricsReport({ nodeId, incarnation, families }));
  }
}
