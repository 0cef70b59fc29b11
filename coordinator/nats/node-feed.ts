// What nodes say over NATS: heartbeats become events, metrics are kept for the next scrape.
import { subjects } from "@pomona/shared/core/subjects";
import { parseHostAndPort } from "@pomona/shared/grpc/address";
import { decodeMetricsReport, type MetricsReport } from "@pomona/shared/grpc/wire-metrics";
import { decodeNodeStatus } from "@pomona/shared/grpc/wire-status";
import type { Bus } from "@pomona/shared/nats/bus";
import type { Logger } from "@pomona/shared/runtime/logger";
import type { MetricSource } from "@pomona/shared/runtime/metrics";
import type { Announcement } from "../core/effect.ts";
import type { ClusterEvent } from "../core/event.ts";
import type { ClusterState } from "../core/state.ts";

export type NodeFeedDependencies = {
  readonly bus: Bus;
  readonly cluster: string;
  readonly state: ClusterState;
  readonly log: Logger;
  readonly onEvent: (event: ClusterEvent) => void;
};

/** Listens to the nodes of one cluster, and tells what the coordinator decided. */
export class NodeFeed {
  readonly #dependencies: NodeFeedDependencies;
  readonly #reports = new Map<string, MetricsReport>();
  readonly #unsubscribe: (() => void)[];

  constructor(dependencies: NodeFeedDependencies) {
    this.#dependencies = dependencies;
    const { bus, cluster } = dependencies;
    const { allHeartbeats, allMetrics } = subjects(cluster);
    this.#unsubscribe = [
      bus.subscribe(allHeartbeats, (_subject, payload) => this.#guard(() => this.#heartbeat(payload))),
      bus.subscribe(allMetrics, (_subject, payload) => this.#guard(() => this.#metrics(payload))),
    ];
  }

  /** The last report of each node that is not dead, labelled with its id. */
  metricSources(): MetricSource[] {
    const { members } = this.#dependencies.state;
    for (const nodeId of this.#reports.keys()) {
      if ((members.get(nodeId)?.state ?? "dead") === "dead") this.#reports.delete(nodeId);
    }
    return [...this.#reports.values()].map(({ nodeId, families }) => ({ families, labels: { node: nodeId } }));
  }

  publish(announcement: Announcement): void {
    const { bus, cluster } = this.#dependencies;
    const payload = new TextEncoder().encode(JSON.stringify(announcement));
    bus.publish(subjects(cluster).coordinatorEvent(announcement.kind), payload);
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }

  #heartbeat(payload: Uint8Array): void {
    const status = decodeNodeStatus(payload);
    // NATS names no sender: without a host of its own, only a node that is known already can be reached.
    const known = this.#dependencies.state.members.get(status.nodeId)?.address;
    const { host } = parseHostAndPort(status.grpcAddress);
    const address = host === "" || host === "0.0.0.0" ? known : status.grpcAddress;
    if (address !== undefined) this.#dependencies.onEvent({ kind: "heartbeat", status, address });
  }

  #metrics(payload: Uint8Array): void {
    const report = decodeMetricsReport(payload);
    if (this.#dependencies.state.members.has(report.nodeId)) this.#reports.set(report.nodeId, report);
  }

  /** What is no message of ours is dropped: anything on the network may publish. */
  #guard(take: () => void): void {
    try {
      take();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#dependencies.log.warn({ message }, "dropped a message from NATS");
    }
  }
}
